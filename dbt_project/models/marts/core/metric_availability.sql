with

messages as (

    select * from {{ ref('int_messages') }}

),

message_metrics as (

    select * from {{ ref('int_message_metrics') }}

),

account_metrics as (

    select * from {{ ref('fct_account_metrics_daily') }}

),

unavailable as (

    select * from {{ ref('int_unavailable_metrics') }}

),

offers as (

    select * from {{ ref('metric_offers') }}

),

observed_by_level as (

    select
        messages.platform,
        message_metrics.metric,
        false as is_account
    from message_metrics
    inner join messages on message_metrics.message_id = messages.message_id
    union
    select
        platform,
        metric,
        true as is_account
    from account_metrics

),

observed as (

    select distinct
        platform,
        metric
    from observed_by_level

),

still_observed as (

    select observed_by_level.*
    from observed_by_level
    left join unavailable
        on
            observed_by_level.platform = unavailable.platform
            and observed_by_level.metric = unavailable.metric
            and observed_by_level.is_account = unavailable.is_account
    where unavailable.reason is null

),

-- Where only messages or only accounts lack it, the reason says which.
reasons as (

    select
        unavailable.platform,
        unavailable.metric,
        unavailable.unavailable_since,
        case
            when still_observed.metric is null then ''
            when unavailable.is_account then 'of accounts: '
            else 'of messages: '
        end || unavailable.reason as reason
    from unavailable
    left join still_observed
        on unavailable.platform = still_observed.platform and unavailable.metric = still_observed.metric

),

gone as (

    select
        platform,
        metric,
        min(unavailable_since) as unavailable_since,
        string_agg(distinct reason, '; ' order by reason) as reason
    from reasons
    group by platform, metric

),

platforms as (

    select platform from messages
    union
    select platform from account_metrics
    union
    select platform from gone
    union
    select platform from offers

),

metrics as (

    select metric from observed
    union
    select metric from gone
    union
    select metric from offers

),

final as (

    select
        platforms.platform,
        metrics.metric,
        gone.metric is null
        and (observed.metric is not null or coalesce(offers.is_offered, false)) as is_offered,
        observed.metric is not null as is_observed,
        case
            when gone.metric is not null then gone.reason
            when observed.metric is not null then 'in the data'
            when offers.platform is not null then offers.reason
            else 'no source has delivered it'
        end as reason,
        gone.unavailable_since
    from platforms
    cross join metrics
    left join observed
        on platforms.platform = observed.platform and metrics.metric = observed.metric
    left join gone
        on platforms.platform = gone.platform and metrics.metric = gone.metric
    left join offers
        on platforms.platform = offers.platform and metrics.metric = offers.metric

)

select * from final
order by platform, metric
