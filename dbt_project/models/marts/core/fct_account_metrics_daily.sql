with

versions as (

    select * from {{ ref('int_account_versions') }}

),

unnested as (

    select
        *,
        unnest(json_keys(metrics)) as metric
    from versions
    where metrics is not null

),

valued as (

    select
        *,
        try_cast(json_extract_string(metrics, '$."' || metric || '"') as double) as value
    from unnested

),

-- What a platform reports for a day is surer than what was seen on it.
daily as (

    select * from valued
    where value is not null
    qualify row_number() over (
        partition by platform, native_account_id, metric, day
        order by
            is_for_one_day desc,
            observed_at desc,
            load_id desc,
            row_number desc,
            source desc,
            stream desc,
            row_hash desc
    ) = 1

),

final as (

    select
        platform || ':' || account as account_id,
        platform,
        native_account_id,
        account,
        metric,
        day,
        value,
        observed_at
    from daily

)

select * from final
order by day, platform, native_account_id, metric
