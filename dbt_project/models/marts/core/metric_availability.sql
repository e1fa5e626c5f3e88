with

messages as (

    select * from {{ ref('int_messages') }}

),

message_metrics as (

    select * from {{ ref('int_message_metrics') }}

),

offers as (

    select * from {{ ref('metric_offers') }}

),

observed as (

    select distinct
        messages.platform,
        message_metrics.metric
    from message_metrics
    inner join messages on message_metrics.message_id = messages.message_id

),

platforms as (

    select platform from messages
    union
    select platform from offers

),

metrics as (

    select metric from observed
    union
    select metric from offers

),

final as (

    select
        platforms.platform,
        metrics.metric,
        observed.metric is not null or coalesce(offers.is_offered, false) as is_offered,
        observed.metric is not null as is_observed,
        case
            when observed.metric is not null then 'in the data'
            when offers.platform is not null then offers.reason
            else 'no source has delivered it'
        end as reason
    from platforms
    cross join metrics
    left join observed
        on platforms.platform = observed.platform and metrics.metric = observed.metric
    left join offers
        on platforms.platform = offers.platform and metrics.metric = offers.metric

)

select * from final
order by platform, metric
