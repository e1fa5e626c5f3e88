"""YouTube: requests, items and people."""
