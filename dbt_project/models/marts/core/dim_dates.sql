with

messages as (

    select * from {{ ref('fct_messages') }}

),

-- From the oldest message to the newest sighting: the calendar follows the data, not the clock.
span as (

    select
        least(min(created_at), min(first_observed_at))::date as first_day,
        greatest(max(created_at), max(last_observed_at))::date as last_day
    from messages

),

days as (

    select unnest(generate_series(first_day, last_day, interval 1 day))::date as day
    from span

),

final as (

    select
        day,
        year(day) as year,
        quarter(day) as quarter,
        month(day) as month,
        date_trunc('month', day)::date as month_start,
        isoyear(day) as iso_year,
        week(day) as iso_week,
        date_trunc('week', day)::date as week_start,
        isodow(day) as weekday,
        isodow(day) >= 6 as is_weekend
    from days

)

select * from final
order by day
