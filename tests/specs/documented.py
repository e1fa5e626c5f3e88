"""APIs whose vendors publish no machine-readable specification: written down in OpenAPI from their documentation."""

from functools import cache
from pathlib import Path

from specs.openapi import OpenAPI, load

_HERE = Path(__file__).parent


@cache
def linkedin() -> OpenAPI:
    """LinkedIn's Community Management APIs, as far as they are read: posts, comments, reactions, statistics."""
    return load(_HERE / "linkedin.json")


@cache
def google_business_reviews() -> OpenAPI:
    """Google's accounts.locations.reviews, v4."""
    return load(_HERE / "google_business_reviews.json")


@cache
def bluesky() -> OpenAPI:
    """The AT Protocol's XRPC methods, as far as they are read: profiles, feeds, threads, searches, notifications."""
    return load(_HERE / "bluesky.json")
