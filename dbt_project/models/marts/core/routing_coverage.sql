with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted

),

final as (

    select
        created_at::date as day,
        source,
        count(*) as messages,
        count(text) as with_text,
        count(*) filter (where len(departments) > 0) as assigned,
        count(*) filter (where len(departments) = 0) as unassigned,
        count(*) filter (where len(departments) = 0) / count(*) as unassigned_share
    from messages
    group by all

)

select * from final
order by day nulls first, source
