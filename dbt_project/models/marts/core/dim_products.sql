with

products as (

    select * from {{ ref('products') }}

),

final as (

    select
        product,
        category,
        list_transform(string_split(aliases, '|'), lambda alias: trim(alias)) as aliases
    from products

)

select * from final
order by product
