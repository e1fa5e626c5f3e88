"""The demo company Weidenfels and local stand-ins for the platforms on which people talk about it."""
