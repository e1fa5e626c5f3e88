with

turns as (

    select * from {{ ref('int_customer_turns') }}
    where is_for_customer_service

),

final as (

    select
        waiting_since::date as day,
        platform,
        count(*) as turns,
        count(answered_at) as answered,
        count(*) filter (where response_minutes <= 60) as answered_within_hour,
        count(*) filter (where response_minutes <= 24 * 60) as answered_within_day,
        median(response_minutes) as median_response_minutes
    from turns
    group by all

)

select * from final
order by day, platform
