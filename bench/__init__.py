"""Benchmarks: each compares ways to do one thing, side by side in one run, and prints medians and ratios."""
