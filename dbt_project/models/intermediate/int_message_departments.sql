with

matches as (

    select * from {{ ref('int_term_matches') }}

),

terms as (

    select * from {{ ref('int_routing_terms') }}

),

-- A product that is named twice, or by two of its names, is one piece of evidence.
hints as (

    select
        matches.message_id,
        terms.department,
        terms.is_exclusion,
        terms.evidence,
        max(terms.weight) as weight
    from matches
    inner join terms on matches.term_id = terms.term_id
    group by all

),

scored as (

    select
        message_id,
        department,
        sum(case when is_exclusion then -weight else weight end) as score,
        list(evidence order by weight desc, evidence asc) filter (where not is_exclusion) as evidence
    from hints
    group by message_id, department

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
