with

turns as (

    select * from {{ ref('int_customer_turns') }}
    where is_for_customer_service

),

events as (

    select
        platform,
        waiting_since::date as day,
        1 as opened,
        0 as answered
    from turns

    union all

    select
        platform,
        answered_at::date as day,
        0 as opened,
        1 as answered
    from turns
    where answered_at is not null

),

days as (

    select day from {{ ref('dim_dates') }}

),

newest as (

    select max(day) as last_day from events

),

spans as (

    select
        events.platform,
        min(events.day) as first_day,
        max(newest.last_day) as last_day
    from events
    cross join newest
    group by events.platform

),

counts as (

    select
        days.day,
        spans.platform,
        count(*) filter (where events.opened = 1) as opened,
        count(*) filter (where events.answered = 1) as answered
    from spans
    inner join days on days.day between spans.first_day and spans.last_day
    left join events on spans.platform = events.platform and days.day = events.day
    group by all

),

final as (

    select
        day,
        platform,
        opened,
        answered,
        sum(opened - answered) over (partition by platform order by day)::bigint as backlog
    from counts

)

select * from final
order by day, platform
