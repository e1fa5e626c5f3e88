"""Resonanz carries what people say about a company on social media into every department of it."""

__version__ = "0.1.0"
