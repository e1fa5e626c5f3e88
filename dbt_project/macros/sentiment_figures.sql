{# Net sentiment: -1 all negative, 1 all positive, null where nothing was negative or positive. #}
{% macro net_sentiment(positive, negative) -%}
({{ positive }} - {{ negative }}) / nullif({{ positive }} + {{ negative }}, 0)
{%- endmacro %}

{# How often each label was given, and by how many revisions of models; where one abstained, its label does not count.
   The rows must be feedback only: not written by the company, not deleted. #}
{% macro sentiment_counts() -%}
    count(*) filter (where sentiment = 'negative' and not is_abstained) as negative,
    count(*) filter (where sentiment = 'neutral' and not is_abstained) as neutral,
    count(*) filter (where sentiment = 'positive' and not is_abstained) as positive,
    count(*) filter (where is_abstained) as abstained,
    count(distinct model_id || '@' || model_revision) as model_revisions
{%- endmacro %}
