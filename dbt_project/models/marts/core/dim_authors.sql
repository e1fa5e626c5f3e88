with

messages as (

    select * from {{ ref('fct_messages') }}

),

final as (

    select
        author_key,
        min(platform) as platform,
        bool_or(is_company) as is_company,
        arg_max(author_name, (created_at, message_id)) as author_name,
        count(*) as messages,
        min(created_at) as first_message_at,
        max(created_at) as last_message_at
    from messages
    where author_key is not null
    group by author_key

)

select * from final
order by author_key
