"""Texts as they come over the wire."""


def whole(text: str) -> tuple[str, bool]:
    """`text` with halves of broken characters as U+FFFD, and whether any stand in it."""
    if text.isascii():
        return text, False
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text, "\ufffd" in text
