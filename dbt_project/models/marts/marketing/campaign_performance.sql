with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_deleted

),

message_campaigns as (

    select * from {{ ref('int_message_campaigns') }}

),

content_performance as (

    select * from {{ ref('content_performance') }}

),

posts as (

    select
        message_campaigns.campaign,
        content_performance.created_at::date as day,
        count(*) as company_posts,
        sum(content_performance.engagement) as engagement
    from content_performance
    inner join message_campaigns on content_performance.message_id = message_campaigns.message_id
    group by all

),

feedback as (

    select
        message_campaigns.campaign,
        messages.created_at::date as day,
        count(*) as messages,
        count(distinct messages.author_key) as authors,
        {{ sentiment_counts() }}
    from messages
    inner join message_campaigns on messages.message_id = message_campaigns.message_id
    where not messages.is_company
    group by all

),

final as (

    select
        coalesce(feedback.campaign, posts.campaign) as campaign,
        coalesce(feedback.day, posts.day) as day,
        coalesce(feedback.messages, 0) as messages,
        coalesce(feedback.authors, 0) as authors,
        coalesce(feedback.negative, 0) as negative,
        coalesce(feedback.neutral, 0) as neutral,
        coalesce(feedback.positive, 0) as positive,
        coalesce(feedback.abstained, 0) as abstained,
        {{ net_sentiment('feedback.positive', 'feedback.negative') }} as net_sentiment,
        coalesce(feedback.model_revisions, 0) as model_revisions,
        coalesce(posts.company_posts, 0) as company_posts,
        posts.engagement
    from feedback
    full outer join posts
        on feedback.campaign = posts.campaign and feedback.day is not distinct from posts.day

)

select * from final
order by campaign, day nulls first
