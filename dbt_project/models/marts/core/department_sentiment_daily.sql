with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted

),

routed as (

    select
        created_at::date as day,
        unnest(case when len(departments) > 0 then departments else ['unassigned'] end) as department,
        text,
        sentiment,
        is_abstained,
        model_id,
        model_revision,
        model_id || '@' || model_revision as revision
    from messages

),

counts as (

    select
        day,
        department,
        count(*) as messages,
        count(text) - count(model_id) as unscored,
        list(distinct revision order by revision) filter (where revision is not null) as revisions,
        {{ sentiment_counts() }}
    from routed
    group by all

),

final as (

    select
        day,
        department,
        messages,
        negative,
        neutral,
        positive,
        abstained,
        unscored,
        {{ net_sentiment('positive', 'negative') }} as net_sentiment,
        model_revisions,
        coalesce(revisions, []::varchar[]) as revisions
    from counts

)

select * from final
order by day nulls first, department
