with

metrics as (

    select * from {{ ref('int_message_metrics') }}

),

daily as (

    select
        message_id,
        metric,
        observed_at::date as day,
        value
    from metrics
    qualify row_number() over (
        partition by message_id, metric, day
        order by observed_at desc
    ) = 1

),

final as (

    select
        message_id,
        metric,
        day,
        value,
        value - lag(value, 1, 0) over (partition by message_id, metric order by day) as change
    from daily

)

select * from final
order by day, message_id, metric
