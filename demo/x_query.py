"""The part of X's search syntax that the stand-in understands: words, "phrases", #tags, @handles, from:, to:,
conversation_id:, is:reply, is:retweet, lang:, with -, OR and brackets ("Build a query" in X's documentation)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Post = Mapping[str, Any]
Test = Callable[[Post], bool]
_TOKEN = re.compile(r'\s*(?:(?P<bracket>[()])|(?P<or>OR\b)|(?P<not>-)?(?P<term>"[^"]*"|[^\s()]+))')
_WORD = re.compile(r"\w+")


class QueryError(ValueError):
    """The query cannot be read."""


def parse(query: str) -> Test:
    """Whether a post (in X's old words, with `username` of its author) is found; raises QueryError."""
    tokens, place = [], 0
    while query[place:].strip():
        found = _TOKEN.match(query, place)
        if found is None:
            raise QueryError(f"no viable alternative at character '{query[place]}'")
        tokens.append(found)
        place = found.end()
    if not tokens:
        raise QueryError("a query may not be empty")
    test, rest = _either(tokens)
    if rest:
        raise QueryError(f"extraneous input '{rest[0][0].strip()}'")
    return test


def _either(tokens: list[re.Match[str]]) -> tuple[Test, list[re.Match[str]]]:
    options = []
    while True:
        test, tokens = _all(tokens)
        options.append(test)
        if not tokens or not tokens[0]["or"]:
            return lambda post: any(option(post) for option in options), tokens
        tokens = tokens[1:]


def _all(tokens: list[re.Match[str]]) -> tuple[Test, list[re.Match[str]]]:
    parts: list[Test] = []
    while tokens and not tokens[0]["or"] and tokens[0]["bracket"] != ")":
        if tokens[0]["bracket"] == "(":
            test, tokens = _either(tokens[1:])
            if not tokens or tokens[0]["bracket"] != ")":
                raise QueryError("missing ')'")
            parts.append(test)
        else:
            parts.append(_term(tokens[0]["term"], bool(tokens[0]["not"])))
        tokens = tokens[1:]
    if not parts:
        raise QueryError("a term is missing")
    return lambda post: all(part(post) for part in parts), tokens


def _term(term: str, is_not: bool) -> Test:
    name, _, value = term.partition(":")
    kind = {"retweet": "retweeted", "reply": "replied_to", "quote": "quoted"}.get(value)
    tests: dict[str, Test] = {
        "conversation_id": lambda post: post["conversation_id"] == value,
        "from": lambda post: post["username"].casefold() == value.casefold(),
        "to": lambda post: post.get("to", "").casefold() == value.casefold(),
        "lang": lambda post: post.get("lang") == value,
        "is": lambda post: kind in post["kinds"],
    }
    if value and name in tests:
        test = tests[name]
    elif value and re.fullmatch(r"[a-z_]+", name) and not term.startswith('"'):
        raise QueryError(f"reference to invalid operator '{name}'")
    else:
        test = _says(term.strip('"').casefold())
    return (lambda post: not test(post)) if is_not else test


def _says(words: str) -> Test:
    if words[:1] in ("#", "@", "$"):
        whole = re.compile(re.escape(words) + r"(?!\w)")
        return lambda post: whole.search(post["text"].casefold()) is not None
    wanted = _WORD.findall(words)

    def test(post: Post) -> bool:
        said = _WORD.findall(post["text"].casefold())
        return any(said[start : start + len(wanted)] == wanted for start in range(len(said)))

    return test
