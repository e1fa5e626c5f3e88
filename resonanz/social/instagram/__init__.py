"""Instagram: what it takes beyond the Graph API."""
