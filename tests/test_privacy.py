"""Private people become keys, company accounts and everything else stay as they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonanz import addresses
from resonanz.privacy import Privacy

PRIVACY = Privacy(b"a secret of the tests", ["@Nordlicht", "DB_Bahn"])


def key(name: str, platform: str = "twitter") -> str:
    return PRIVACY.author_key(platform, name)


def test_a_key_is_the_same_for_one_person_and_differs_between_platforms_and_secrets() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", key("anna_b"))
    assert key("anna_b") == key("@Anna_B") == key(" anna\\_b ")
    assert len({key("anna_b"), key("anna_b", "mastodon"), key("anna"), key("annab")}) == 4
    assert Privacy(b"another secret entirely").author_key("twitter", "anna_b") != key("anna_b")
    with pytest.raises(ValueError, match="16 bytes"):
        Privacy(b"short")


@pytest.mark.parametrize(
    ("platform", "text", "expected"),
    [
        ("twitter", "@anna_b hello", "@<anna_b> hello"),
        (
            "twitter",
            ".@anna_b RT @Karl: (@lea) “@lea” +@lea -@lea",
            ".@<anna_b> RT @<karl>: (@<lea>) “@<lea>” +@<lea> -@<lea>",
        ),
        ("twitter", "RT@karl: x, rt@karl", "RT@<karl>: x, rt@<karl>"),
        ("twitter", "＠anna_b und @@anna_b", "@<anna_b> und @@<anna_b>"),
        ("twitter", "@anna_b.thanks @anna_b-fan @anna_b's", "@<anna_b>.thanks @<anna_b>-fan @<anna_b>'s"),
        ("twitter", "@anna\\_b escaped", "@<anna_b> escaped"),
        ("twitter", "@nordlicht @NordLicht's .@DB_Bahn-Kunde @DB\\_Bahn", None),
        ("twitter", "anna@example.org, a.b-c@example.org, 5 @ 3 Euro, @ home, @", None),
        ("web", "see https://medium.com/@anna/x", "see https://medium.com/@<anna>/x"),
        ("web", "@anna...well, @anna--ok", "@<anna>...well, @<anna>--ok"),
        ("instagram", "@anna.m.b! @nordlicht.great", "@<anna.m.b>! @nordlicht.great"),
        ("mastodon", "@anna@example.social hi", "@<anna@example.social> hi"),
        ("bluesky", "@anna.bsky.social, hi", "@<anna.bsky.social>, hi"),
    ],
)
def test_mentions_are_keyed_and_nothing_else_changes(platform: str, text: str, expected: str | None) -> None:
    wanted = text if expected is None else re.sub(r"<(.+?)>", lambda m: key(m[1], platform), expected)
    found = PRIVACY.text(platform, text)
    assert found == wanted
    assert PRIVACY.text(platform, found) == found


@given(
    st.text(alphabet="ab_@. \\\n＠é\N{LATIN SMALL LETTER DOTLESS I}-/", max_size=40),
    st.sampled_from(["twitter", "web"]),
)
def test_no_text_loses_anything_but_handles(text: str, platform: str) -> None:
    found = PRIVACY.text(platform, text)
    assert PRIVACY.text(platform, found) == found
    between = r"@[0-9a-f]{32}"
    kept = re.split(between, found)
    position = 0
    for part in kept:  # what stands between the keys stands in the text, in order
        position = text.index(part, position) + len(part)


def test_scrub_replaces_identities_as_whole_words_at_any_depth() -> None:
    payload = {"user": {"name": "Anna", "bio": "x"}, "tags": ["anna", "Annabel", 3, None], "anna": "to @karl"}
    found = PRIVACY.scrub("web", payload, {"Anna": "KEY"}, drop=frozenset({"bio"}))
    assert found == {"user": {"name": "KEY"}, "tags": ["KEY", "Annabel", 3, None], "KEY": f"to @{key('karl', 'web')}"}


def test_scrub_survives_letters_that_fold_oddly() -> None:
    names = {"İlker": "K1", "straße": "K2", "k": "K3"}
    assert PRIVACY.scrub("web", "ilker STRASSE straße \N{KELVIN SIGN}", names).split()[2:] == ["K2", "K3"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://twitter.com/London\\_Cable/statuses/68?x=1", "http://twitter.com/i/status/68?x=1"),
        ("https://x.com/anna_b/status/68", "https://x.com/i/status/68"),
        ("https://www.twitter.com/anna_b", "https://www.twitter.com/<twitter:anna_b>"),
        ("https://twitter.com/nordlicht/status/1", None),
        ("https://twitter.com/search?q=x", None),
        ("https://plus.google.com/+AnnaMuster/posts/x", "https://plus.google.com/+<google_plus:AnnaMuster>/posts/x"),
        (
            "https://plus.google.com/115526423801118770165/posts/4q",
            "https://plus.google.com/<google_plus:115526423801118770165>/posts/4q",
        ),
        ("https://www.youtube.com/user/anna", "https://www.youtube.com/user/<youtube:anna>"),
        ("https://www.youtube.com/watch?v=anna", None),
        ("https://www.instagram.com/p/BD9Ey1/", None),
        ("https://www.instagram.com/anna.b/p/BD9Ey1/", "https://www.instagram.com/<instagram:anna.b>/p/BD9Ey1/"),
        ("https://www.facebook.com/152033178165965/posts/168", None),
        ("https://www.facebook.com/anna.berg.5/posts/168", "https://www.facebook.com/<facebook:anna.berg.5>/posts/168"),
        ("https://www.facebook.com/photo.php?fbid=1", None),
        ("https://www.facebook.com/profile.php?id=100001", "https://www.facebook.com/profile.php?id=<facebook:100001>"),
        ("https://anna.wordpress.com/2015/x", "https://<blog:anna>.wordpress.com/2015/x"),
        ("https://www.fox.com/anna/status/1", None),
        ("https://forum.example/u/17/fall", "https://forum.example/u/<web:17>/fall"),
    ],
)
def test_addresses_name_nobody(address: str, expected: str | None) -> None:
    more = [re.compile(r"forum\.example/u/(\w+)")]

    def filled(match: re.Match[str]) -> str:
        return key(match[2], match[1])

    wanted = address if expected is None else re.sub(r"<(\w+):(.+?)>", filled, expected)
    assert addresses.keyed(PRIVACY, "web", address, {}, more) == wanted
