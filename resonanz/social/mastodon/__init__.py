"""Mastodon: requests, timelines, threads, statuses and people."""
