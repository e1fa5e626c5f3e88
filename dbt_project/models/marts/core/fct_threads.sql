with

messages as (

    select * from {{ ref('fct_messages') }}

),

openings as (

    select
        thread_id,
        min(created_at) filter (where not is_company and created_at_precision = 'second') as first_customer_at
    from messages
    group by thread_id

),

-- Only times that are exact to the second tell who answered whom.
turns as (

    select
        messages.*,
        openings.first_customer_at,
        messages.is_company
        and messages.created_at_precision = 'second'
        and messages.created_at >= openings.first_customer_at as is_company_reply,
        not messages.is_company
        and messages.created_at_precision = 'second' as is_customer_turn,
        case
            when not messages.is_company and not messages.is_abstained and messages.created_at_precision = 'second'
                then messages.sentiment
        end as counted_sentiment
    from messages
    inner join openings on messages.thread_id = openings.thread_id

),

threads as (

    select
        thread_id,
        min(platform) as platform,
        first(account order by created_at asc nulls last, message_id asc) as account,
        first(is_company order by message_id = thread_id desc, created_at asc nulls last, message_id asc)
            as is_started_by_company,
        min(created_at) as first_message_at,
        max(created_at) as last_message_at,
        count(*) as messages,
        count(distinct author_key) as participants,
        count(*) filter (where not is_company) as customer_messages,
        count(*) filter (where is_company_reply) as company_replies,
        any_value(first_customer_at) as first_customer_at,
        min(created_at) filter (where is_company_reply) as first_response_at,
        max(created_at) filter (where is_customer_turn) as last_customer_at,
        arg_min(counted_sentiment, (created_at, message_id)) as first_customer_sentiment,
        arg_max(counted_sentiment, (created_at, message_id)) as last_customer_sentiment
    from turns
    group by thread_id

),

final as (

    select
        thread_id,
        platform,
        account,
        is_started_by_company,
        first_message_at,
        last_message_at,
        messages,
        participants,
        customer_messages,
        company_replies,
        first_customer_at,
        first_response_at,
        date_diff('second', first_customer_at, first_response_at) / 60 as first_response_minutes,
        coalesce(last_customer_at > first_response_at, false) as is_dialogue,
        first_customer_sentiment,
        last_customer_sentiment
    from threads

)

select * from final
order by thread_id
