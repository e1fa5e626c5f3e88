-- A metric is gone where a reason was seen and no value after it. An account that never lost it keeps it available for
-- the platform: what one account may not show, another may. What is hidden at one message only is no loss, unless
-- nothing has ever shown the metric.
with

absences as (

    select * from {{ ref('int_metric_absences') }}

),

versions as (

    select * from {{ ref('int_versions') }}
    where metrics is not null

),

pairs as (

    select distinct
        platform,
        metric
    from absences

),

sightings as (

    select
        pairs.platform,
        pairs.metric,
        versions.is_account,
        versions.account,
        versions.observed_at as value_at,
        null::timestamptz as absent_at,
        null::boolean as is_for_all
    from pairs
    inner join versions on pairs.platform = versions.platform
    where json_extract_string(versions.metrics, '$."' || pairs.metric || '"') is not null
    union all
    select
        platform,
        metric,
        is_account,
        account,
        null as value_at,
        observed_at as absent_at,
        is_for_all
    from absences

),

placed as (

    select
        *,
        max(value_at) over (partition by platform, metric, is_account, account) as last_value_at,
        count(value_at) over (partition by platform, metric, is_account) > 0 as has_values
    from sightings

),

accounts as (

    select
        platform,
        metric,
        is_account,
        account,
        max(last_value_at) as last_value_at,
        min(absent_at) filter (
            where not has_values or (is_for_all and (last_value_at is null or absent_at > last_value_at))
        ) as lost_at
    from placed
    group by platform, metric, is_account, account

),

-- An account whose last value is older than the loss elsewhere (a closed one, an old export) keeps nothing.
levels as (

    select
        platform,
        metric,
        is_account,
        max(last_value_at) as last_value_at
    from accounts
    group by platform, metric, is_account
    having coalesce(max(last_value_at) filter (where lost_at is null) < min(lost_at), min(lost_at) is not null)

),

final as (

    select
        absences.platform,
        absences.metric,
        absences.is_account,
        min(absences.observed_at) as unavailable_since,
        arg_max(absences.reason, (absences.observed_at, absences.message_id)) as reason
    from absences
    inner join levels
        on
            absences.platform = levels.platform
            and absences.metric = levels.metric
            and absences.is_account = levels.is_account
    where
        levels.last_value_at is null
        or (absences.is_for_all and absences.observed_at > levels.last_value_at)
    group by absences.platform, absences.metric, absences.is_account

)

select * from final
