-- "Now" is the day of the newest message, as everywhere: without news no row changes.
with

feedback as (

    select
        created_at::date as day,
        coalesce(language, 'unknown') as language,
        case when is_abstained then 'abstained' else sentiment end as sentiment,
        model_id || '@' || model_revision as revision
    from {{ ref('fct_messages') }}
    where
        not is_company
        and not is_deleted
        and model_id is not null
        and created_at_precision in ('second', 'day')

),

spans as (

    select
        max(day) - {{ var('drift_recent_days') }} - {{ var('drift_reference_days') }} + 1 as reference_from,
        max(day) - {{ var('drift_recent_days') }} as reference_to,
        max(day) - {{ var('drift_recent_days') }} + 1 as recent_from,
        max(day) as recent_to
    from feedback

),

windowed as (

    select
        feedback.*,
        feedback.day >= spans.recent_from as is_recent
    from feedback
    inner join spans on feedback.day >= spans.reference_from

),

measured as (

    select
        'sentiment' as measure,
        sentiment as value,
        is_recent
    from windowed
    union all
    select
        'language' as measure,
        language as value,
        is_recent
    from windowed

),

counts as (

    select
        measure,
        value,
        count(*) filter (where not is_recent) as in_reference,
        count(*) filter (where is_recent) as in_recent
    from measured
    group by all

),

totals as (

    select
        *,
        sum(in_reference) over (partition by measure)::bigint as reference_messages,
        sum(in_recent) over (partition by measure)::bigint as recent_messages,
        count(*) over (partition by measure) as kinds
    from counts

),

-- Half a message is added to each count, so that a value that is missing from a window is rare and not impossible.
shares as (

    select
        *,
        in_reference / nullif(reference_messages, 0) as reference_share,
        in_recent / nullif(recent_messages, 0) as recent_share,
        (in_reference + 0.5) / (reference_messages + 0.5 * kinds) as reference_odds,
        (in_recent + 0.5) / (recent_messages + 0.5 * kinds) as recent_odds
    from totals

),

revisions as (

    select count(distinct revision) as model_revisions
    from windowed

),

final as (

    select
        shares.measure,
        shares.value,
        spans.reference_from,
        spans.reference_to,
        spans.recent_from,
        spans.recent_to,
        shares.reference_messages,
        shares.recent_messages,
        shares.reference_share,
        shares.recent_share,
        shares.recent_share - shares.reference_share as change,
        case
            when shares.reference_messages > 0 and shares.recent_messages > 0
                then
                    sum((shares.recent_odds - shares.reference_odds) * ln(shares.recent_odds / shares.reference_odds))
                        over (partition by shares.measure)
        end as stability_index,
        revisions.model_revisions
    from shares
    cross join spans
    cross join revisions

)

select * from final
order by measure desc, value asc
