with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted

),

message_products as (

    select * from {{ ref('int_message_products') }}

),

counts as (

    select
        message_products.product,
        messages.created_at::date as day,
        messages.platform,
        count(*) as messages,
        {{ sentiment_counts() }}
    from messages
    inner join message_products on messages.message_id = message_products.message_id
    group by all

),

final as (

    select
        product,
        day,
        platform,
        messages,
        negative,
        neutral,
        positive,
        abstained,
        {{ net_sentiment('positive', 'negative') }} as net_sentiment,
        model_revisions
    from counts

)

select * from final
order by product, day nulls first, platform
