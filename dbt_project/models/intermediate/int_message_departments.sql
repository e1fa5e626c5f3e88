with

matches as (

    select * from {{ ref('int_term_matches') }}

),

terms as (

    select * from {{ ref('int_routing_terms') }}

),

scored as (

    select
        matches.message_id,
        terms.department,
        sum(case when terms.is_exclusion then -terms.weight else terms.weight end) as score,
        list(terms.term order by terms.weight desc, terms.term asc) filter (where not terms.is_exclusion) as evidence
    from matches
    inner join terms on matches.term_id = terms.term_id
    where terms.department is not null
    group by matches.message_id, terms.department

),

final as (

    select
        message_id,
        department,
        evidence,
        score::double as score
    from scored
    where score >= {{ var('routing_threshold') }}

)

select * from final
