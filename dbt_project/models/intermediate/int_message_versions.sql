{{ config(materialized='view') }}

with

versions as (

    select * from {{ ref('int_versions') }}

),

messages as (

    select * exclude (is_account)
    from versions
    where not is_account

)

select * from messages
