"""What the demo's Mastodon server says about itself, and about the app whose token is used."""

from demo.company import LEGAL_NAME, MASTODON_DOMAIN

APP = {
    "id": "1",
    "name": "Resonanz",
    "website": None,
    "scopes": ["read:accounts", "read:statuses", "read:notifications"],
    "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
    "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"],
    "vapid_key": "",
}
INSTANCE = {
    "domain": MASTODON_DOMAIN,
    "title": "Haushalt",
    "version": "4.5.3",
    "source_url": "https://github.com/mastodon/mastodon",
    "description": f"Kochen, Waschen, Reparieren. The demo's home of {LEGAL_NAME}.",
    "usage": {"users": {"active_month": 2140}},
    "thumbnail": {
        "url": f"https://files.{MASTODON_DOMAIN}/site_uploads/thumbnail.png",
        "blurhash": None,
        "versions": {},
    },
    "icon": [],
    "languages": ["de", "en"],
    "configuration": {
        "urls": {"streaming": f"wss://{MASTODON_DOMAIN}", "status": None, "about": f"https://{MASTODON_DOMAIN}/about"},
        "accounts": {"max_featured_tags": 10, "max_pinned_statuses": 5},
        "statuses": {"max_characters": 5000, "max_media_attachments": 4, "characters_reserved_per_url": 23},
        "media_attachments": {
            "supported_mime_types": ["image/jpeg", "image/png"],
            "image_size_limit": 16_777_216,
            "image_matrix_limit": 33_177_600,
            "video_size_limit": 103_809_024,
            "video_frame_rate_limit": 120,
            "video_matrix_limit": 8_294_400,
        },
        "polls": {
            "max_options": 4,
            "max_characters_per_option": 50,
            "min_expiration": 300,
            "max_expiration": 2_629_746,
        },
        "translation": {"enabled": False},
        "timelines_access": {
            "live_feeds": {"local": "public", "remote": "public"},
            "hashtag_feeds": {"local": "public", "remote": "public"},
        },
    },
    "registrations": {"enabled": False, "approval_required": False, "message": None, "url": None},
    "api_versions": {"mastodon": 7},
    "contact": {"email": f"info@{MASTODON_DOMAIN}", "account": None},
    "rules": [{"id": "1", "text": "Bleib freundlich.", "hint": ""}],
}
