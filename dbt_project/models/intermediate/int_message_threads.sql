-- From the top down: a message whose parent is not in the warehouse is a top, and hands its thread to all below it.
-- Parents that form a circle are reached from no top; such a message keeps the thread it declared, or itself.
with recursive

messages as (

    select * from {{ ref('int_messages') }}

),

tops as (

    select
        messages.message_id,
        coalesce(messages.declared_thread_id, messages.parent_id, messages.message_id) as thread_id
    from messages
    left join messages as parents on messages.parent_id = parents.message_id
    where parents.message_id is null

),

threads as (

    select
        message_id,
        thread_id
    from tops

    union all

    select
        messages.message_id,
        threads.thread_id
    from threads
    inner join messages on threads.message_id = messages.parent_id

),

final as (

    select
        messages.message_id,
        coalesce(threads.thread_id, messages.declared_thread_id, messages.message_id) as thread_id
    from messages
    left join threads on messages.message_id = threads.message_id

)

select * from final
