{{ config(materialized='view') }}

-- A new platform's staging model joins here, and nowhere else.
with

versions as (

    select * from {{ ref('stg_archive__messages') }}
    union all by name
    select * from {{ ref('stg_bluesky__messages') }}
    union all by name
    select * from {{ ref('stg_mastodon__messages') }}

)

select * from versions
