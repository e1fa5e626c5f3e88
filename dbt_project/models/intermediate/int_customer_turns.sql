-- A turn is a stretch of customer messages in one thread between two messages of the company. Only times that are exact
-- to the second tell who answered whom.
with

messages as (

    select * from {{ ref('fct_messages') }}
    where created_at_precision = 'second'

),

numbered as (

    select
        *,
        count(*) filter (where is_company) over (
            partition by thread_id
            order by created_at asc, is_company asc, message_id asc
        ) as company_messages_before
    from messages

),

answers as (

    select
        thread_id,
        company_messages_before - 1 as company_messages_before,
        created_at as answered_at
    from numbered
    where is_company

),

turns as (

    select
        thread_id,
        company_messages_before,
        min(platform) as platform,
        first(account order by created_at asc, message_id asc) as account,
        min(created_at) as waiting_since,
        count(*) as messages,
        count(distinct author_key) as customers,
        bool_or(list_contains(departments, 'customer_service')) as names_a_case,
        bool_and(coalesce(sentiment = 'positive' and not is_abstained, false)) as is_content,
        last(message_id order by created_at asc, message_id asc) as last_message_id
    from numbered
    where not is_company and not is_deleted
    group by thread_id, company_messages_before

),

-- "And now?" belongs to the case that an earlier turn named; thanks wait for nothing.
cases as (

    select
        *,
        not is_content
        and bool_or(names_a_case) over (
            partition by thread_id
            order by company_messages_before
        ) as is_for_customer_service
    from turns

),

final as (

    select
        cases.thread_id,
        cases.company_messages_before as turn,
        cases.platform,
        cases.account,
        cases.waiting_since,
        answers.answered_at,
        date_diff('second', cases.waiting_since, answers.answered_at) / 60 as response_minutes,
        cases.messages,
        cases.customers,
        cases.is_for_customer_service,
        cases.last_message_id
    from cases
    left join answers
        on cases.thread_id = answers.thread_id and cases.company_messages_before = answers.company_messages_before

)

select * from final
