with

departments as (

    select * from {{ ref('departments') }}

),

final as (

    select
        department,
        name_en,
        name_de,
        description
    from departments

)

select * from final
order by department
