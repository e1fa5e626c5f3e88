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
        terms.product
    from matches
    inner join terms on matches.term_id = terms.term_id
    where terms.product is not null
    group by matches.message_id, terms.product

)

select * from final
