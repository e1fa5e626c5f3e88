{{
    config(
        materialized='incremental',
        unique_key='message_id',
        incremental_strategy='delete+insert',
        on_schema_change='fail'
    )
}}

-- A message is recomputed from all its versions as soon as their number changes, so that versions that arrive late or
-- out of order give the same row as a full rebuild, whatever the clock of the machine that loaded them said.
with

versions as (

    select * from {{ ref('int_message_versions') }}

),

counts as (

    select
        message_id,
        count(*) as version_count,
        min(observed_at) as first_observed_at,
        max(observed_at) as last_observed_at,
        -- The last that the platform showed, or that anybody knows of a deletion (resonanz/versions.py).
        coalesce(
            arg_max(is_deleted, (observed_at, load_id, row_number, source, stream)) filter (
                where is_deleted or not coalesce(is_from_file, false)
            ),
            false
        ) as is_deleted
    from versions
    group by message_id

),

changed as (

    select counts.*
    from counts
    {% if is_incremental() %}
    left join {{ this }} as known on counts.message_id = known.message_id
    where counts.version_count is distinct from known.version_count
    {% endif %}

),

-- A deletion often carries nothing but the id, so the other columns come from the latest version before it, if any.
latest as (

    select versions.*
    from versions
    inner join changed on versions.message_id = changed.message_id
    qualify row_number() over (
        partition by versions.message_id
        order by
            versions.is_deleted asc,
            versions.observed_at desc,
            versions.load_id desc,
            versions.row_number desc,
            versions.source desc,
            versions.stream desc,
            versions.row_hash desc
    ) = 1

),

final as (

    select
        latest.message_id,
        latest.source,
        latest.platform,
        latest.kind,
        latest.parent_id,
        latest.declared_thread_id,
        latest.account,
        latest.author_key,
        latest.author_name,
        latest.is_company,
        latest.created_at,
        latest.created_at_precision,
        latest.edited_at,
        case when not changed.is_deleted then latest.text end as text,
        case when not changed.is_deleted then sha256(latest.text) end as text_hash,
        latest.text_is_repaired and not changed.is_deleted as text_is_repaired,
        case when not changed.is_deleted then latest.declared_language end as declared_language,
        latest.url,
        changed.is_deleted,
        latest.rating,
        changed.first_observed_at,
        changed.last_observed_at,
        changed.version_count
    from changed
    inner join latest on changed.message_id = latest.message_id

)

select * from final
