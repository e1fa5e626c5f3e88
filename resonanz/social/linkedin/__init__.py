"""LinkedIn: requests, items, people and statistics."""
