with

messages as (

    select * from {{ ref('fct_messages') }}
    where not is_company and not is_deleted

),

departments as (

    select * from {{ ref('dim_departments') }}

),

routed as (

    select
        unnest(case when len(departments) > 0 then departments else ['unassigned'] end) as department,
        sentiment,
        is_abstained,
        model_id,
        model_revision
    from messages

),

counts as (

    select
        department,
        count(*) as messages,
        {{ sentiment_counts() }}
    from routed
    group by department

),

all_departments as (

    select department from departments
    union all
    select 'unassigned' as department

),

final as (

    select
        all_departments.department,
        coalesce(counts.messages, 0) as messages,
        coalesce(counts.messages, 0) / nullif((select count(*) from messages), 0) as share,
        coalesce(counts.negative, 0) as negative,
        coalesce(counts.neutral, 0) as neutral,
        coalesce(counts.positive, 0) as positive,
        coalesce(counts.abstained, 0) as abstained,
        {{ net_sentiment('counts.positive', 'counts.negative') }} as net_sentiment,
        coalesce(counts.model_revisions, 0) as model_revisions
    from all_departments
    left join counts on all_departments.department = counts.department

)

select * from final
order by department
