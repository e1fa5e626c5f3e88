{{ config(materialized='view') }}

with

messages as (

    select * from {{ ref('int_messages') }}

),

threads as (

    select * from {{ ref('int_message_threads') }}

),

scores as (

    select sentiment.*
    from {{ source('enrichment', 'sentiment') }} as sentiment
    inner join {{ source('enrichment', 'current_model') }} as current_model
        on
            sentiment.model_id = current_model.model_id
            and sentiment.model_revision = current_model.model_revision

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
    left join scores on messages.text_hash = scores.text_hash

)

select * from final
