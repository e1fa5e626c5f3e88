with

messages as (

    select * from {{ ref('fct_messages') }}

),

message_metrics as (

    select * from {{ ref('int_message_metrics') }}

),

metric_absences as (

    select * from {{ ref('int_metric_absences') }}
    where is_current

),

posts as (

    select * from messages
    where is_company and kind = 'post' and not is_deleted

),

-- A counter that the platform has stopped to give is null, not the number at which it stood still.
latest_values as (

    select message_metrics.*
    from message_metrics
    left join metric_absences
        on
            message_metrics.message_id = metric_absences.message_id
            and message_metrics.metric = metric_absences.metric
    where metric_absences.metric is null
    qualify row_number() over (
        partition by message_metrics.message_id, message_metrics.metric order by message_metrics.observed_at desc
    ) = 1

),

latest_metrics as (

    select
        message_id,
        max(value) filter (where metric = 'views') as views,
        max(value) filter (where metric = 'impressions') as impressions,
        max(value) filter (where metric = 'reach') as reach,
        max(value) filter (where metric = 'clicks') as clicks,
        max(value) filter (where metric = 'reactions') as reactions,
        max(value) filter (where metric = 'comments') as comments,
        max(value) filter (where metric = 'shares') as shares,
        max(value) filter (where metric = 'quotes') as quotes,
        max(value) filter (where metric = 'saves') as saves
    from latest_values
    group by message_id

),

answers as (

    select
        thread_id,
        count(*) as answers,
        {{ sentiment_counts() }}
    from messages
    where not is_company and not is_deleted
    group by thread_id

),

measured as (

    select
        posts.message_id,
        posts.platform,
        posts.account,
        posts.created_at,
        posts.text,
        posts.url,
        latest_metrics.views,
        latest_metrics.impressions,
        latest_metrics.reach,
        latest_metrics.clicks,
        latest_metrics.reactions,
        latest_metrics.comments,
        latest_metrics.shares,
        latest_metrics.quotes,
        latest_metrics.saves,
        list_sum([
            latest_metrics.reactions,
            latest_metrics.comments,
            latest_metrics.shares,
            latest_metrics.quotes,
            latest_metrics.saves
        ]) as engagement,
        case
            when latest_metrics.reach > 0 then 'reach'
            when latest_metrics.impressions > 0 then 'impressions'
            when latest_metrics.views > 0 then 'views'
        end as engagement_base,
        coalesce(answers.answers, 0) as answers,
        coalesce(answers.negative, 0) as negative,
        coalesce(answers.neutral, 0) as neutral,
        coalesce(answers.positive, 0) as positive,
        coalesce(answers.abstained, 0) as abstained,
        {{ net_sentiment('answers.positive', 'answers.negative') }} as net_sentiment,
        coalesce(answers.model_revisions, 0) as model_revisions
    from posts
    left join latest_metrics on posts.message_id = latest_metrics.message_id
    left join answers on posts.message_id = answers.thread_id

),

final as (

    select
        message_id,
        platform,
        account,
        created_at,
        text,
        url,
        views,
        impressions,
        reach,
        clicks,
        reactions,
        comments,
        shares,
        quotes,
        saves,
        engagement,
        engagement_base,
        engagement / case engagement_base
            when 'reach' then reach
            when 'impressions' then impressions
            when 'views' then views
        end as engagement_rate,
        answers,
        negative,
        neutral,
        positive,
        abstained,
        net_sentiment,
        model_revisions
    from measured

)

select * from final
order by created_at nulls first, message_id
