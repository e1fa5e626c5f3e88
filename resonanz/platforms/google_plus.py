"""Google+, shut down in 2019: posts, comments and +1s out of archives (docs/platforms/google_plus.md).

Reads Takeout's posts, as JSON and as HTML pages, in folders and .zip archives, and files with resources of API v1.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from resonanz.archive.strict import Strict
from resonanz.errors import SourceError
from resonanz.google_plus.documents import documents
from resonanz.google_plus.files import UNREADABLE, Archives, Entry, entries, fault
from resonanz.google_plus.people import account_names
from resonanz.google_plus.reader import Reader
from resonanz.landing import stream
from resonanz.platforms import Check, Context

__all__ = ["Options", "check", "streams"]


def _forms(accounts: list[str]) -> list[str]:
    return [name for account in accounts for name in account_names(account)]


class Options(Strict):
    """A Google+ source in sources.toml.

    :param files: paths and globs, relative to the folder of sources.toml: Takeout folders and .zip archives as they
        were downloaded, folders of posts, single JSON, JSON Lines and HTML files.
    :param company_accounts: the company's accounts here, besides those under [company]: names, ids of 21 digits,
        `users/<id>`, `+name` or addresses of profiles.
    :param account: the account, page or brand under which everything stands; by default the name of the page on which
        it was said.
    """

    files: list[str] = Field(min_length=1)
    company_accounts: Annotated[list[str], AfterValidator(_forms)] = Field(default_factory=list)
    account: str | None = None


def streams(options: Options, context: Context) -> Sequence[Any]:
    """One dlt resource, `posts`: posts and their comments out of all files that are new or have changed."""
    return [stream("posts", lambda state: Reader(options, context).read(state))]


def check(options: Options, context: Context) -> Iterator[Check]:
    """Which files there are, and how many posts of each form they hold. Files of API v1 are read for that."""
    archives, problems, counts = Archives(), list[SourceError](), Counter[str]()
    try:
        for entry in entries(options.files, context.base, archives, problems):
            counts[_form(entry)] += _posts(entry, archives, problems)
    finally:
        archives.close()
    found = ", ".join(f"{count:,} {form}" for form, count in counts.items())
    problem = None if found or problems else "there is nothing to read in them; correct `files`"
    yield Check("files", found or "no post", problem)
    for error in problems:
        yield Check("files", "cannot be read", error.message)
    if not context.privacy.company_accounts:
        words = "name the company's page in company_accounts, or all posts count as other people's"
        yield Check("company accounts", "none", words)


def _form(entry: Entry) -> str:
    if entry.is_page:
        return "posts as HTML pages"
    return "posts in Takeout JSON" if entry.is_post else "resources of API v1 and other JSON"


def _posts(entry: Entry, archives: Archives, problems: list[SourceError]) -> int:
    """Takeout has one post per file."""
    if entry.is_page or entry.is_post:
        return 1
    count = 0
    try:
        with archives.open(entry) as file:
            for _ in documents(file, entry.shown):
                count += 1
    except SourceError as error:
        problems.append(error)
    except UNREADABLE as error:
        problems.append(fault(entry.shown, error))
    return count
