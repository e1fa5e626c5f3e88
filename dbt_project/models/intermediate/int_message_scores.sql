-- Which score a message shows while a new model is at work. A day shows the revision that has scored most of its texts,
-- and of two that have scored as many the configured one: so a day changes over as a whole, the newest days first, and
-- shows the old scores until then. A text that only another revision has scored shows that one, rather than nothing;
-- `is_stand_in` says so, and every mart of sentiments counts the revisions behind its figures.
with

messages as (

    select
        message_id,
        text_hash,
        created_at::date as day
    from {{ ref('int_messages') }}
    where text_hash is not null

),

scores as (

    select
        sentiment.*,
        current_model.model_id is not null as is_configured
    from {{ source('enrichment', 'sentiment') }} as sentiment
    left join {{ source('enrichment', 'current_model') }} as current_model
        on
            sentiment.model_id = current_model.model_id
            and sentiment.model_revision = current_model.model_revision

),

candidates as (

    select
        messages.message_id,
        messages.day,
        scores.*
    from messages
    inner join scores on messages.text_hash = scores.text_hash

),

coverage as (

    select
        day,
        model_id,
        model_revision,
        count(*) as scored,
        bool_or(is_configured) as is_configured,
        max(scored_at) as last_scored_at
    from candidates
    group by all

),

days as (

    select
        day,
        model_id,
        model_revision
    from coverage
    qualify row_number() over (
        partition by day
        order by scored desc, is_configured desc, last_scored_at desc, model_id asc, model_revision asc
    ) = 1

),

ranked as (

    select
        candidates.*,
        days.model_id is null as is_stand_in
    from candidates
    left join days
        on
            candidates.day is not distinct from days.day
            and candidates.model_id = days.model_id
            and candidates.model_revision = days.model_revision

),

final as (

    select
        message_id,
        language,
        language_confidence,
        sentiment,
        p_negative,
        p_neutral,
        p_positive,
        confidence,
        is_abstained,
        abstain_reason,
        model_id,
        model_revision,
        scored_at,
        is_stand_in
    from ranked
    qualify row_number() over (
        partition by message_id
        order by is_stand_in asc, is_configured desc, scored_at desc, model_id asc, model_revision asc
    ) = 1

)

select * from final
