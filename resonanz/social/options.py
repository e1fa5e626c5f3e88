"""The settings that all social sources share."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class SocialOptions(BaseModel):
    """How far and how often a social source is read.

    :param company_accounts: which accounts are the company's own (handles, ids), beside those in [company].
    :param replies: read the conversations below what the timelines show.
    :param lookback_days: messages so many days older than a timeline's newest are read again: edits, metrics,
        deletions, late comments.
    :param since: the first load goes back to this day; without it to the timeline's end.
    :param max_pages: the first load reads at most so many pages of a timeline.
    :param recheck_threads: so many conversations without a visible change are read again per run, in turn.
    :param concurrency: requests under way at once.
    """

    model_config = ConfigDict(extra="forbid")
    company_accounts: list[str] = []
    replies: bool = True
    lookback_days: int = Field(14, ge=0, le=365)
    since: date | None = None
    max_pages: int | None = Field(None, ge=1)
    recheck_threads: int = Field(20, ge=0)
    concurrency: int = Field(4, ge=1, le=16)
