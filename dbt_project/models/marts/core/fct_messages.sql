with

messages as (

    select * from {{ ref('int_scored_messages') }}

),

message_departments as (

    select * from {{ ref('int_message_departments') }}

),

departments as (

    select
        message_id,
        list(department order by department) as departments
    from message_departments
    group by message_id

),

final as (

    select
        messages.message_id,
        messages.source,
        messages.platform,
        messages.kind,
        messages.parent_id,
        messages.thread_id,
        messages.account,
        messages.author_key,
        messages.author_name,
        messages.is_company,
        messages.created_at,
        messages.created_at_precision,
        messages.edited_at,
        messages.text,
        messages.text_is_repaired,
        messages.language,
        messages.url,
        messages.is_deleted,
        messages.rating,
        messages.sentiment,
        messages.p_negative,
        messages.p_neutral,
        messages.p_positive,
        messages.confidence,
        messages.is_abstained,
        messages.abstain_reason,
        messages.model_id,
        messages.model_revision,
        messages.scored_at,
        coalesce(departments.departments, []::varchar[]) as departments,
        messages.first_observed_at,
        messages.last_observed_at
    from messages
    left join departments on messages.message_id = departments.message_id

)

select * from final
order by created_at nulls first, message_id
