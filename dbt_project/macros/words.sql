{# Words as routing compares them: lower case, umlauts written out (ae, oe, ue, ss), no other accents. RE2's `\b` knows
   ASCII only, so texts and terms are cut into words by one pattern instead of being searched for word boundaries. #}
{% macro words(text) -%}
    regexp_extract_all(
        strip_accents(
            replace(replace(replace(replace(nfc_normalize(lower({{ text }})), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss')
        ),
        '#?[\p{L}\p{N}_]+'
    )
{%- endmacro %}
