with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted

),

counts as (

    select
        platform,
        created_at::date as day,
        count(*) as messages,
        {{ sentiment_counts() }}
    from messages
    group by all

),

final as (

    select
        platform,
        day,
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
order by platform, day nulls first
