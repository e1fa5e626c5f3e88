"""What makes a version of a message, which of its sightings a deletion takes back, and what is left of these.

The sightings of a message stand in the order of PLACE. Everything up to its last deletion is redacted. A later
sighting on the platform shows that it lives again. A file (an export, a takeout) is a copy of older days: it can say
that a message was deleted, but not that one lives again.
"""

from resonanz.landing import LATER, SCHEMA
from resonanz.platforms import FROM_FILES, PLATFORMS

REDACTED = '{"redacted": true'  # how the payload of a redacted sighting begins, and no platform's own
MARKED = f"coalesce(starts_with(payload, '{REDACTED}'), false)"

# What says how and when a row was read, not what the message is: it makes no new version.
_CIRCUMSTANCES = ("row_number", "observed_at", "origin", "payload")
_CONTENT = ", ".join(name for name in SCHEMA.names if name not in (*_CIRCUMSTANCES, *LATER))
# A later column adds nothing where it is null, so that what was loaded before it came makes no new versions.
CONTENT_HASH = f"sha256(concat(json_array({_CONTENT}), {', '.join(LATER)}))"
# Redacted sightings that were the same version still are, and others are not: the mark stands for what they said.
ROW_HASH = (
    f"case when {MARKED} then coalesce(json_extract_string(payload, '$.version'), {CONTENT_HASH}) "
    f"else {CONTENT_HASH} end"
)

BARE_URL = r"regexp_replace(url, '[?#].*', '')"
# The news of a deletion says nothing else; platforms' own have a payload of two fields, exports the whole record.
IS_BARE = """case when json_valid(payload) and json_type(payload) = 'OBJECT'
    then list_has_all(['id', 'deleted'], json_keys(payload)) else payload is null end"""
AS_DELETION = f"""
    case when not coalesce(is_deleted, false) then text end as text,
    case when is_deleted then {BARE_URL} else url end as url,
    case when not coalesce(is_deleted, false) then author_name end as author_name,
    case when is_deleted and not {MARKED} and not {IS_BARE} then '{REDACTED}}}' else payload end as payload
"""

PLACE = "{'observed_at': observed_at, 'load_id': load_id, 'row_number': row_number, 'source': source, 'stream': stream}"
# Sightings that `fate` takes back: those of a raw table or of a batch, with the columns of PLACE and `is_from_file`.
TAKEN_BACK = f"({PLACE} < fate.deleted or (is_from_file and ({PLACE} < fate.revived or fate.revived is null)))"


def is_from_file(connector: str) -> bool:
    """Whether `connector` reads files that somebody has put there, and not the platform itself."""
    return connector in FROM_FILES


def fates(messages: str) -> str:
    """The SQL for the deleted ones among `messages`, a relation with platform and native_id.

    Columns: platform, native_id, `deleted` (the PLACE of the last deletion), `revived` (that of the first sighting
    on the platform after it, null where there is none).
    """
    events = " union all ".join(
        f"select platform, native_id, {PLACE} as place, coalesce(is_deleted, false) as is_deleted "  # noqa: S608
        f"from raw.{connector} semi join ({messages}) as asked using (platform, native_id)"
        + (" where is_deleted" if is_from_file(connector) else "")
        for connector in PLATFORMS
    )
    return f"""
        with events as materialized ({events}),
        deletions as (
            select platform, native_id, max(place) filter (is_deleted) as deleted
            from events group by all having bool_or(is_deleted)
        )
        select platform, native_id, any_value(deleted) as deleted,
            min(place) filter (not is_deleted and place > deleted) as revived
        from deletions join events using (platform, native_id)
        group by platform, native_id
    """  # noqa: S608  names of ours


def deleted_messages() -> str:
    """The SQL for the keys of all messages of which a deletion is known."""
    return " union ".join(
        f"select platform, native_id from raw.{connector} where is_deleted"  # noqa: S608
        for connector in PLATFORMS
    )
