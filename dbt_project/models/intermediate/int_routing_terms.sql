-- Everything that a text is searched for: the routing seed and the names of products, campaigns and sites.
with

routing_terms as (

    select * from {{ ref('routing_terms') }}

),

products as (

    select * from {{ ref('products') }}

),

campaigns as (

    select * from {{ ref('campaigns') }}

),

sites as (

    select * from {{ ref('sites') }}

),

named as (

    select
        department,
        language,
        term,
        match,
        weight,
        is_exclusion,
        null as product,
        null as campaign,
        term as evidence
    from routing_terms

    union all

    select
        'product_management' as department,
        'any' as language,
        unnest(string_split(aliases, '|')) as term,
        'phrase' as match,
        weight,
        false as is_exclusion,
        product,
        null as campaign,
        product as evidence
    from products

    union all

    select
        'marketing' as department,
        'any' as language,
        unnest(string_split(aliases, '|')) as term,
        'phrase' as match,
        weight,
        false as is_exclusion,
        null as product,
        campaign,
        campaign as evidence
    from campaigns

    union all

    select
        department,
        'any' as language,
        unnest(string_split(aliases, '|')) as term,
        'phrase' as match,
        weight,
        false as is_exclusion,
        null as product,
        null as campaign,
        site as evidence
    from sites

),

cut as (

    select
        * replace (trim(term) as term),
        {{ words('term') }} as words
    from named

),

final as (

    select
        md5(concat_ws('|', department, language, match, term, is_exclusion, evidence)) as term_id,
        department,
        language,
        term,
        -- "E-Mail" and "Social Media" are phrases and "Lavia7" is a word, whatever the row calls them.
        case
            when match = 'platform' then 'platform'
            when len(words) > 1 then 'phrase'
            when match = 'hashtag' or starts_with(words[1], '#') then 'hashtag'
            when ends_with(term, '*') then 'stem'
            when match = 'phrase' then 'word'
            else match
        end as match,
        case
            when match = 'platform' then lower(term)
            else ltrim(array_to_string(words, ' '), '#')
        end as pattern,
        -- A phrase may end within its last word: "schlechter servic*".
        ends_with(term, '*') as is_open_ended,
        -- The longest of its whole words: a text is searched for the phrase only where this word stands in it.
        list_sort(
            list_transform(
                case when ends_with(term, '*') then words[:-2] else words end,
                lambda word: (len(word), word)
            ),
            'desc'
        )[1][2] as anchor,
        weight,
        is_exclusion,
        product,
        campaign,
        evidence
    from cut
    where len(words) > 0

)

select * from final
