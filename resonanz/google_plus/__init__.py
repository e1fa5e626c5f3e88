"""What is left of Google+ (shut down in 2019): Takeout's posts as JSON and as HTML pages, and API v1 resources."""
