with

message_departments as (

    select * from {{ ref('int_message_departments') }}

),

final as (

    select
        message_id,
        department,
        evidence,
        score
    from message_departments

)

select * from final
order by message_id, department
