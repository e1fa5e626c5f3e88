"""Tokens of the demo company's sources: the stand-ins want one where the platforms do, and it is the same for all."""

import tomllib

from resonanz.settings import DEMO_SOURCES

TOKEN = "demo-token"  # noqa: S105  opens nothing but the stand-ins, see demo/web.py
WITHOUT = frozenset({"archive", "google_plus"})  # read without a token


def demo_tokens() -> dict[str, str]:
    """RESONANZ_TOKEN_<SOURCE> for every source in demo/sources.toml whose platform wants one."""
    sources = tomllib.loads(DEMO_SOURCES.read_text(encoding="utf-8"))["sources"]
    return {f"RESONANZ_TOKEN_{s['name'].upper()}": TOKEN for s in sources if s["platform"] not in WITHOUT}
