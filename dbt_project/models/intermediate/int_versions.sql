{{ config(materialized='view') }}

-- Which platforms there are stands in the registry of resonanz/platforms/__init__.py alone; who calls dbt hands their
-- names over, so that a new staging folder needs no edit here.
{% set platforms = var('platforms', none) %}
{% if not platforms %}
    {{ exceptions.raise_compiler_error(
        "dbt does not know which platforms there are. Call it as `.venv/bin/python -m resonanz.transform`, with the "
        ~ "same arguments: that hands over their names and the warehouse's place (dbt_project/README.md)."
    ) }}
{% endif %}

with

versions as (

    {% for connector in platforms %}
    select *, {{ connector in var('file_platforms', []) }} as is_from_file
    from {{ ref('stg_' ~ connector ~ '__messages') }}
    {% if not loop.last %}
    union all by name
    {% endif %}
    {% endfor %}

)

select * from versions
