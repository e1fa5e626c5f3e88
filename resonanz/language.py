"""The language of a text, told offline."""

LANGUAGES = frozenset({"de", "en", "fr", "it", "es", "nl", "pl", "pt", "cs", "da", "sv", "tr"})
