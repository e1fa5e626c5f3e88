with

matches as (

    select * from {{ ref('int_term_matches') }}

),

terms as (

    select * from {{ ref('int_routing_terms') }}

),

final as (

    select
        matches.message_id,
        terms.campaign
    from matches
    inner join terms on matches.term_id = terms.term_id
    where terms.campaign is not null
    group by matches.message_id, terms.campaign

)

select * from final
