with

messages as (

    select * from {{ ref('fct_messages') }}

),

account_metrics as (

    select * from {{ ref('fct_account_metrics_daily') }}

),

accounts as (

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

),

-- Accounts of one name (the branches of a shop) stand together here, and so do their followers.
latest_followers as (

    select
        account_id,
        platform,
        account,
        native_account_id,
        arg_max(value, day) filter (where metric = 'followers') as followers
    from account_metrics
    group by all

),

measured as (

    select
        account_id,
        platform,
        account,
        sum(followers) as followers
    from latest_followers
    group by all

),

final as (

    select
        coalesce(accounts.account_id, measured.account_id) as account_id,
        coalesce(accounts.platform, measured.platform) as platform,
        coalesce(accounts.account, measured.account) as account,
        measured.followers,
        coalesce(accounts.messages, 0) as messages,
        coalesce(accounts.company_messages, 0) as company_messages,
        coalesce(accounts.private_authors, 0) as private_authors,
        accounts.first_message_at,
        accounts.last_message_at
    from accounts
    full outer join measured on accounts.account_id = measured.account_id

)

select * from final
order by account_id
