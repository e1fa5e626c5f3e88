{{
    config(
        materialized='incremental',
        unique_key='message_id',
        incremental_strategy='delete+insert',
        on_schema_change='fail'
    )
}}

-- All rows of a message are replaced when one of its versions is new: a late version may lie between two known ones.
with

versions as (

    select * from {{ ref('int_message_versions') }}
    where metrics is not null

),

counts as (

    select
        message_id,
        count(*) as version_count
    from versions
    group by message_id

),

{% if is_incremental() %}

known as (

    select distinct
        message_id,
        version_count
    from {{ this }}

),

{% endif %}

changed as (

    select counts.*
    from counts
    {% if is_incremental() %}
    left join known on counts.message_id = known.message_id
    where counts.version_count is distinct from known.version_count
    {% endif %}

),

counters as (

    select
        versions.message_id,
        versions.observed_at,
        changed.version_count,
        json_keys(versions.metrics) as metric_names,
        versions.metrics,
        versions.load_id,
        versions.row_number,
        versions.source,
        versions.stream,
        versions.row_hash
    from versions
    inner join changed on versions.message_id = changed.message_id

),

unnested as (

    select
        * exclude (metric_names),
        unnest(metric_names) as metric
    from counters

),

valued as (

    select
        message_id,
        metric,
        try_cast(json_extract_string(metrics, '$."' || metric || '"') as double) as value,
        observed_at,
        version_count
    from unnested
    qualify row_number() over (
        partition by message_id, metric, observed_at
        order by load_id desc, row_number desc, source desc, stream desc, row_hash desc
    ) = 1

),

final as (

    select
        message_id,
        metric,
        value,
        observed_at,
        version_count
    from valued
    where value is not null
    qualify value is distinct from lag(value) over (partition by message_id, metric order by observed_at)

)

select * from final
