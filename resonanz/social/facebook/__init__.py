"""Facebook Pages: what it takes beyond the Graph API."""
