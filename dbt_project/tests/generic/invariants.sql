{# Every row fulfils `condition`; a condition that is null counts as broken. #}
{% test holds(model, condition) %}
select * from {{ model }}
where ({{ condition }}) is not true
{% endtest %}

{# No two rows are alike in `columns`; nulls count as alike. #}
{% test unique_grain(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by all
having count(*) > 1
{% endtest %}

{# No row is lost or doubled on the way: as many rows as `other` has. #}
{% test as_many_as(model, other) %}
select
    (select count(*) from {{ model }}) as here,
    (select count(*) from {{ other }}) as there
where here != there
{% endtest %}

{# The sum of `column` is the number of rows of `other`. #}
{% test adds_up(model, column, other) %}
select
    (select coalesce(sum({{ column }}), 0) from {{ model }}) as here,
    (select count(*) from {{ other }}) as there
where here != there
{% endtest %}

{# All feedback is in some department or in `unassigned`: together the shares reach 1, none exceeds it. #}
{% test shares_cover_all(model) %}
select
    sum(share) as total,
    max(share) as largest
from {{ model }}
having total < 1 - 1e-9 or largest > 1
{% endtest %}
