"""X's API v2: requests, posts, people, conversations, what is read again."""
