with

turns as (

    select * from {{ ref('int_customer_turns') }}
    where answered_at is null and is_for_customer_service

),

threads as (

    select * from {{ ref('fct_threads') }}

),

messages as (

    select * from {{ ref('fct_messages') }}

),

-- What "now" is: the newest message in the warehouse. A time later than the message's own sighting is a wrong one.
newest as (

    select max(least(created_at, last_observed_at)) as newest_at from messages

),

final as (

    select
        turns.thread_id,
        turns.platform,
        turns.account,
        case when threads.company_replies > 0 then 'waiting' else 'unanswered' end as state,
        turns.waiting_since,
        greatest(date_diff('minute', turns.waiting_since, newest.newest_at), 0) / 60 as waiting_hours,
        turns.messages as waiting_messages,
        turns.customers as waiting_customers,
        turns.last_message_id,
        messages.text as last_text,
        messages.url as last_url,
        messages.sentiment as last_sentiment,
        messages.departments
    from turns
    inner join threads on turns.thread_id = threads.thread_id
    inner join messages on turns.last_message_id = messages.message_id
    cross join newest

)

select * from final
order by waiting_since, thread_id
