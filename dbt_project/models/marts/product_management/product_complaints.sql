with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted

),

message_departments as (

    select * from {{ ref('fct_message_departments') }}
    where department = 'product_management'

),

message_products as (

    select
        message_id,
        list(product order by product) as products
    from {{ ref('int_message_products') }}
    group by message_id

),

final as (

    select
        messages.message_id,
        coalesce(message_products.products, []::varchar[]) as products,
        messages.platform,
        messages.created_at,
        messages.text,
        messages.language,
        messages.url,
        messages.thread_id,
        messages.p_negative,
        message_departments.evidence,
        message_departments.score
    from messages
    inner join message_departments on messages.message_id = message_departments.message_id
    left join message_products on messages.message_id = message_products.message_id
    where messages.sentiment = 'negative' and not messages.is_abstained

)

select * from final
order by p_negative desc, message_id asc
