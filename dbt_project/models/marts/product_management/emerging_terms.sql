with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted and created_at_precision in ('second', 'day')

),

message_departments as (

    select * from {{ ref('fct_message_departments') }}
    where department = 'product_management'

),

mentions as (

    select
        unnest(message_departments.evidence) as term,
        date_trunc('week', messages.created_at)::date as week_start,
        messages.sentiment = 'negative' and not messages.is_abstained as is_negative
    from messages
    inner join message_departments on messages.message_id = message_departments.message_id

),

weekly as (

    select
        term,
        week_start,
        count(*) as messages,
        count(*) filter (where is_negative) as negative
    from mentions
    group by all

),

before as (

    select
        weekly.term,
        weekly.week_start,
        sum(earlier.messages) / 4 as weekly_messages_before
    from weekly
    inner join weekly as earlier
        on
            weekly.term = earlier.term
            and weekly.week_start > earlier.week_start
            and weekly.week_start <= earlier.week_start + interval 28 day
    group by weekly.term, weekly.week_start

),

final as (

    select
        weekly.term,
        weekly.week_start,
        weekly.messages,
        weekly.negative,
        coalesce(before.weekly_messages_before, 0) as weekly_messages_before,
        weekly.messages / before.weekly_messages_before as growth
    from weekly
    left join before
        on weekly.term = before.term and weekly.week_start = before.week_start

)

select * from final
order by week_start, term
