{{ config(materialized='view') }}

-- Keys are <platform>:account/<id> for metrics as they stand, and <platform>:account/<id>/<day> for those of one day.
with

versions as (

    select * from {{ ref('int_versions') }}
    where is_account

),

final as (

    select
        message_id,
        platform,
        regexp_replace(
            substring(message_id, length(platform || ':account/') + 1),
            case when created_at is null then '^$' else '/\d{4}-\d{2}-\d{2}$' end,
            ''
        ) as native_account_id,
        account,
        coalesce(created_at, observed_at)::date as day,
        created_at is not null as is_for_one_day,
        metrics,
        observed_at,
        load_id,
        row_number,
        source,
        stream,
        row_hash
    from versions

)

select * from final
