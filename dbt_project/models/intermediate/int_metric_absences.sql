with

versions as (

    select * from {{ ref('int_versions') }}

),

absent as (

    select * from versions
    where unavailable_metrics is not null

),

unnested as (

    select
        message_id,
        platform,
        account,
        is_account,
        unnest(json_keys(unavailable_metrics)) as metric,
        unavailable_metrics,
        observed_at,
        load_id,
        row_number,
        source,
        stream,
        row_hash
    from absent

),

absences as (

    select
        message_id,
        platform,
        account,
        is_account,
        metric,
        json_extract_string(unavailable_metrics, '$."' || metric || '"') as reason,
        observed_at
    from unnested
    qualify row_number() over (
        partition by message_id, metric, observed_at
        order by load_id desc, row_number desc, source desc, stream desc, row_hash desc
    ) = 1

),

pairs as (

    select distinct
        message_id,
        metric
    from absences

),

valued as (

    select
        pairs.message_id,
        pairs.metric,
        max(versions.observed_at) as last_value_at
    from pairs
    inner join versions on pairs.message_id = versions.message_id
    where json_extract_string(versions.metrics, '$."' || pairs.metric || '"') is not null
    group by all

),

final as (

    select
        absences.message_id,
        absences.platform,
        absences.account,
        absences.is_account,
        absences.metric,
        absences.reason,
        regexp_matches(absences.reason, '^(retired|not permitted|not offered)\b', 'i') as is_for_all,
        absences.observed_at,
        valued.last_value_at is null or absences.observed_at > valued.last_value_at as is_current
    from absences
    left join valued on absences.message_id = valued.message_id and absences.metric = valued.metric

)

select * from final
