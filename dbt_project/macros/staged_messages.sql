{# One connector's raw versions with our keys: all connectors land in one shape, so one query stages each of them. A
   folder whose connector is not in the registry of platforms is left out: it has no raw table. #}
{% macro staged_messages(connector) %}
{{ config(enabled=connector in var('platforms', [])) }}

with

source as (

    select * from {{ source('raw', connector) }}

),

renamed as (

    select
        ---------- keys
        platform || ':' || native_id as message_id,
        platform || ':' || parent_native_id as parent_id,
        platform || ':' || thread_native_id as declared_thread_id,

        ---------- where it was said
        source,
        platform,
        kind,
        coalesce(kind = 'account', false) as is_account,
        account,
        url,

        ---------- who said it
        author_key,
        coalesce(is_company, false) as is_company,
        case when is_company then author_name end as author_name,

        ---------- when
        created_at,
        coalesce(created_at_precision, 'unknown') as created_at_precision,
        edited_at,

        ---------- what
        case when not coalesce(is_deleted, false) and regexp_matches(text, '\S') then text end as text,
        coalesce(text_is_repaired, false) as text_is_repaired,
        lower(split_part(replace(nullif(trim(declared_language), ''), '_', '-'), '-', 1)) as declared_language,
        rating,
        nullif(metrics, '{}') as metrics,
        nullif(unavailable_metrics, '{}') as unavailable_metrics,
        coalesce(is_deleted, false) as is_deleted,

        ---------- which sighting this is
        observed_at,
        stream,
        load_id,
        row_number,
        row_hash,
        loaded_at

    from source

)

select * from renamed
{% endmacro %}
