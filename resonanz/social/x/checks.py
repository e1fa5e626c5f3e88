"""What `resonanz sources check` asks X: a few requests that return no posts, and so cost none."""

from collections.abc import Iterator, Mapping, Sequence

from resonanz.errors import SourceError
from resonanz.platforms import Check
from resonanz.social.x.api import Api


def checks(api: Api, accounts: Sequence[str], queries: Sequence[str], with_compliance: bool) -> Iterator[Check]:
    """Token and usage, each account, search, compliance and the budget."""
    try:
        used = api.client.get("/2/usage/tweets", what="usage", bucket="usage").value.get("data")
    except SourceError as error:
        yield Check("token", "", error.message)
        return
    yield Check("token", "accepted")
    yield _quota(used if isinstance(used, Mapping) else {})
    for name in accounts:
        try:
            user = api.user(name)
        except SourceError as error:
            yield Check(f"account @{name}", "", error.message)
        else:
            yield Check(f"account @{name}", "is there" + (", but protected" if user.get("protected") else ""))
    for query in queries:
        try:
            value = api.client.get(
                "/2/tweets/counts/recent",
                {"query": query, "granularity": "day"},
                what=f"search for {query}",
                bucket="counts",
            ).value
        except SourceError as error:
            yield Check(f"search {query}", "", error.message)
            continue
        meta = value.get("meta") or {}
        found = meta.get("total_tweet_count", meta.get("total_post_count", "an unknown number of"))
        advice = "" if "-is:retweet" in query else "; add -is:retweet, reposts are paid for and left out"
        yield Check(f"search {query}", f"{found} posts in the last seven days{advice}")
    if with_compliance:
        try:
            api.client.get("/2/compliance/jobs", {"type": "tweets"}, what="compliance jobs", bucket="compliance")
        except SourceError as error:
            yield Check("compliance jobs", "", error.message)
        else:
            yield Check("compliance jobs", "may be created")
    left = api.budget.left("posts")
    if left is None:
        yield Check("budget", "none is set; budget = { posts_per_month = … } in sources.toml limits what is paid for")
    else:
        yield Check("budget", f"{left:,} posts left", None if left >= 10 else "spent; no more posts will be read")


def _quota(used: Mapping[str, object]) -> Check:
    try:
        cap, usage = int(str(used["project_cap"])), int(str(used["project_usage"]))
    except (KeyError, ValueError):
        return Check("quota", "X tells no cap")
    words = f"{usage:,} of {cap:,} posts used, anew on day {used.get('cap_reset_day', '?')} of the month"
    return Check("quota", words, None if usage < cap else "the project's cap is used up; raise it or wait")
