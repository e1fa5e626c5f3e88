"""The AT Protocol: requests, feeds, threads, posts and people."""
