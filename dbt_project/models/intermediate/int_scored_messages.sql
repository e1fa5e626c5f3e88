{{ config(materialized='view') }}

with

messages as (

    select * from {{ ref('int_messages') }}

),

threads as (

    select * from {{ ref('int_message_threads') }}

),

scores as (

    select * from {{ ref('int_message_scores') }}

),

final as (

    select
        messages.*,
        threads.thread_id,
        case when messages.text is not null then coalesce(scores.language, messages.declared_language) end as language,
        scores.sentiment,
        scores.p_negative,
        scores.p_neutral,
        scores.p_positive,
        scores.confidence,
        scores.is_abstained,
        scores.abstain_reason,
        scores.model_id,
        scores.model_revision,
        scores.scored_at
    from messages
    inner join threads on messages.message_id = threads.message_id
    left join scores on messages.message_id = scores.message_id

)

select * from final
