"""What Google+ archives are made of: JSON of any length, HTML that people wrote, people in all their forms, ids."""

import copy
import html
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonanz.errors import SourceError
from resonanz.google_plus import content, documents, page
from resonanz.google_plus.files import cut_name
from resonanz.google_plus.ids import Ids, code_of
from resonanz.google_plus.known import Known
from resonanz.google_plus.parts import is_public
from resonanz.google_plus.people import People
from resonanz.google_plus.posts import Posts
from resonanz.landing import tables
from resonanz.privacy import Privacy

PRIVACY = Privacy(b"a secret for tests only", ["+Weidenfels", "118000000000000000001", "Weidenfels"])
PEOPLE = People(PRIVACY)
ANNA = PRIVACY.author_key("google_plus", "117111111111111111111")
NOON = datetime(2016, 5, 1, 12, tzinfo=UTC)


def text_of(written: str) -> str | None:
    known = Known(PEOPLE)
    for person in content.mentioned(written):
        known.add(PEOPLE.person(person))
    return content.text(written, PEOPLE, known)[0]


# --- JSON ------------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.sampled_from(["id", "kind", "content", "n"]), values, min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(objects, min_size=1, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]))
def test_documents_come_out_one_by_one_however_they_are_joined(
    items: list[Any], chunk: int, indent: int | None
) -> None:
    written = [json.dumps(item, ensure_ascii=False, indent=indent) for item in items]
    feed = json.dumps({"kind": "plus#activityFeed", "items": items, "etag": "x"}, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_CHUNK", chunk)
        for form in (
            "\n".join(written),
            "".join(written),
            f"[{','.join(written)}]",
            f" [ {' , '.join(written)} ] ",
            feed,
        ):
            assert list(documents.documents(io.BytesIO(form.encode()), "x")) == items
            assert list(documents.documents(io.BytesIO(form.encode("utf-8-sig")), "x")) == items


def test_a_long_feed_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LONGEST", 2_000)
    monkeypatch.setattr(documents, "_CHUNK", 500)
    items = [{"id": f"z{number}", "content": "x" * 100} for number in range(300)]
    feed = json.dumps({"kind": "plus#activityFeed", "title": "y", "items": items, "updated": "z"}).encode()
    sizes = []
    read = documents._Text._read

    def measured(text: Any, characters: int) -> None:
        read(text, characters)
        sizes.append(len(text._buffer))

    monkeypatch.setattr(documents._Text, "_read", measured)
    assert list(documents.documents(io.BytesIO(feed), "x")) == items
    assert max(sizes) < 6_000 < len(feed)
    with pytest.raises(SourceError, match="one value has more than 2,000 characters"):
        list(documents.documents(io.BytesIO(json.dumps({"content": "x" * 9_000}).encode()), "x"))


def test_utf16_is_read_and_latin1_is_told() -> None:
    assert list(documents.documents(io.BytesIO('{"a": "Größe"}'.encode("utf-16")), "x")) == [{"a": "Größe"}]
    with pytest.raises(SourceError, match="not UTF-8"):
        list(documents.documents(io.BytesIO('{"a": "Größe"}'.encode("latin-1")), "x"))


# --- what people wrote -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_characters="+@＠\r\0\ufeff", exclude_categories=["Cs", "Cc"]), max_size=80),
    st.booleans(),
)
def test_a_text_is_never_changed(said: str, is_bold: bool) -> None:
    written = html.escape(said)
    assert text_of(f"<b>{written}</b><br>{written}" if is_bold else written) == (
        (f"{said}\n{said}".strip() if is_bold else said.strip()) or None
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            '<span class="proflinkWrapper"><span class="proflinkPrefix">+</span><a class="proflink" '
            'href="https://plus.google.com/117111111111111111111" oid="117111111111111111111">Anna M.</a></span>, hi',
            f"+{ANNA}, hi",
        ),
        ("+<a href='https://plus.google.com/117111111111111111111'>Anna M.</a>!", f"+{ANNA}!"),
        ('<A HREF="https://plus.google.com/+Weidenfels" CLASS=proflink>Weidenfels &amp; Co</A>', "+Weidenfels & Co"),
        ('<a class="ot-hashtag" href="https://plus.google.com/s/%23Lavia">#Lavia</a> +1, C++', "#Lavia +1, C++"),
        ('<a class="ot-anchor" href="https://a.example/long/path?x=1">https://a.example/long...</a>', "https://a.example/long/path?x=1"),
        (
            '<a class="ot-anchor" href="https://plus.google.com/117111111111111111111">'
            'plus.google.com/117111111111111111111</a>',
            f"plus.google.com/{ANNA}",
        ),
        ('<a href="https://plus.google.com/communities/102471985047225101769">Küche</a>', "Küche"),
        ("eins<br>zwei<br /><br>drei\ufeff", "eins\nzwei\n\ndrei"),
        ("<i>nur</i> <del>Zeichen</del>&nbsp;", "nur Zeichen"),
        ("halb \ud83d", "halb \ufffd"),
        ("", None),
    ],
)  # fmt: skip
def test_texts(written: str, expected: str | None) -> None:
    assert text_of(written) == expected


def test_words_about_a_picture_that_mention_somebody_unknown_are_left_out() -> None:
    known = Known(PEOPLE)
    about = {
        "description": "Danke +Emil Unbekannt",
        "link": {"title": "+Weidenfels neu"},
        "alt": {"description": "Rot"},
    }
    assert known.payload(about, str) == {
        "description": None,
        "link": {"title": "+Weidenfels neu"},
        "alt": {"description": "Rot"},
    }


def test_names_of_files_are_cut_before_people() -> None:
    assert cut_name("20110910 - Via +Annie Beispiel.  Schön.html") == "20110910 - Via +….html"
    assert cut_name("20160512 - C++ und 1+1.json") == "20160512 - C++ und 1+1.json"


# --- people ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        {"displayName": "Anna M.", "resourceName": "users/117111111111111111111", "profilePageUrl": "https://plus.google.com/+AnnaM"},
        {"displayName": "Anna M.", "id": "117111111111111111111", "url": "https://plus.google.com/117111111111111111111"},
        {"displayName": "Anna M.", "profilePageUrl": "https://plus.google.com/u/0/117111111111111111111/about"},
        {"displayName": "Anna M.", "profilePageUrl": "//plus.google.com/117111111111111111111", "unknown": [1]},
    ],
)  # fmt: skip
def test_a_person_has_one_key_in_every_form(raw: dict[str, Any]) -> None:
    person = PEOPLE.person(raw)
    assert (person.key, person.name, person.is_company) == (ANNA, None, False)


def test_the_company_by_id_by_address_and_by_name() -> None:
    for raw in (
        {"id": "118000000000000000001"},
        {"url": "https://plus.google.com/+Weidenfels"},
        {"displayName": "Weidenfels"},
    ):
        assert PEOPLE.person(raw).is_company
    # somebody else with another number who calls themselves like the company
    assert not PEOPLE.person({"displayName": "Weidenfels", "id": "117111111111111111111"}).is_company
    assert PEOPLE.person({"displayName": None, "id": True, "image": {}}).key is None


# --- posts of any shape ----------------------------------------------------------------------------------------

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "google_plus"
WHOLE = json.loads(next(FIXTURES.rglob("20160512*.json")).read_text(encoding="utf-8"))
ACTIVITIES = json.loads((FIXTURES / "api" / "activities.json").read_text(encoding="utf-8"))["items"]
COMMENTS = json.loads((FIXTURES / "api" / "comments.json").read_text(encoding="utf-8"))["items"]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every object or list in a JSON value with each of its names or positions."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, name) for name in names] + [place for name in names for place in places(value[name])]


@settings(deadline=None, max_examples=60)
@given(st.data(), values | st.sampled_from(["", "http://[", "users/", "+", "plus.google.com/+", "<a", 10**21, -1]))
def test_no_field_of_any_kind_breaks_the_parser(data: st.DataObject, odd: Any) -> None:
    parser = Posts(PEOPLE, Ids({}))
    for raw, parse in (
        (WHOLE, lambda raw: list(parser.takeout(raw, "x.json"))),
        (data.draw(st.sampled_from(ACTIVITIES)), lambda raw: list(parser.activity(raw, "x.json"))),
        (data.draw(st.sampled_from(COMMENTS)), lambda raw: [parser.comment(raw, "x.json")]),
    ):
        changed = copy.deepcopy(raw)
        holder, name = data.draw(st.sampled_from(places(changed)))
        holder[name] = odd
        is_public(changed)
        found = parse(changed)
        assert found
        assert all(message.parse_error or message.native_id for message in found)
        list(tables(found))


# --- ids -------------------------------------------------------------------------------------------------------


def test_ids_stay_what_the_first_form_made_them() -> None:
    kept: dict[str, str] = {}
    assert Ids(kept).post("z12abc", "Code1") == "z12abc"
    assert Ids(kept).post(None, "Code1") == "z12abc"
    assert Ids(kept).comment("z12abc.150", "z12abc", "Code1", NOON, "x") == "z12abc.150"
    assert Ids(kept).comment("z12abc#151", "z12abc", "Code1", NOON, "x") == "z12abc.151"
    assert Ids(kept).post(None, "Code2") == "Code2"
    assert Ids(kept).post("z12def", "Code2") == "Code2"
    derived = Ids(kept).comment(None, None, "Code2", NOON, "Hallo  du")
    assert derived is not None
    assert derived.startswith("Code2#20160501T120000Z-")
    assert Ids(kept).comment("z12def#152", "z12def", "Code2", NOON, "Hallo du") == derived
    assert (Ids(kept).post(None, None), Ids(kept).comment(None, None, None, NOON, "x")) == (None, None)


def test_codes_of_addresses() -> None:
    assert code_of("https://plus.google.com/u/0/+AnnaM/posts/4yCFGuJWUxz?sfc=true") == "4yCFGuJWUxz"
    assert code_of("https://plus.google.com/118000000000000000001") is None


# --- pages -----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_page_breaks_the_parser(content: str) -> None:
    page.post(content)
    page.post(f'<a class="author" href="x">y</a><a href="/posts/z">{content}</a><div class="main-content">{content}')


def test_a_page_that_nests_without_end() -> None:
    found = page.post(
        '<a href="https://plus.google.com/1/posts/x">2014-06-30 14:04:00+0000</a>'
        + '<div class="main-content">' * 5_000
    )
    assert found is not None
    assert found["creationTime"] == "2014-06-30 14:04:00+0000"
