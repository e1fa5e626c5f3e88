with

messages as (

    select * from {{ ref('fct_messages') }}

),

final as (

    select
        platform || ':' || account as account_id,
        platform,
        account,
        count(*) as messages,
        count(*) filter (where is_company) as company_messages,
        count(distinct author_key) filter (where not is_company) as private_authors,
        min(created_at) as first_message_at,
        max(created_at) as last_message_at
    from messages
    where account is not null
    group by platform, account

)

select * from final
order by account_id
