with

campaigns as (

    select * from {{ ref('campaigns') }}

),

final as (

    select
        campaign,
        starts_on,
        ends_on,
        list_transform(string_split(aliases, '|'), lambda alias: trim(alias)) as aliases
    from campaigns

)

select * from final
order by campaign
