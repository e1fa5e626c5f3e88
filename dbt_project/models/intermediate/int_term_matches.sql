-- Terms are compared with the vocabulary, the distinct words of all texts, and phrases only with texts that hold their
-- longest word: no text is ever searched with hundreds of patterns.
with

messages as (

    select * from {{ ref('int_scored_messages') }}

),

terms as (

    select * from {{ ref('int_routing_terms') }}

),

-- A message in a language that the seed knows is searched for the terms of that language, any other for all.
cut as (

    select
        message_id,
        platform,
        case when language in (select distinct terms.language from terms) then language end as language,
        {{ words("regexp_replace(text, 'https?://\\S+|@[0-9a-f]{32}', ' ', 'g')") }} as words
    from messages
    where text is not null

),

texts as materialized (

    select
        *,
        ' ' || replace(array_to_string(words, ' '), '#', '') || ' ' as spaced_text
    from cut

),

text_words as materialized (

    select distinct
        message_id,
        language,
        unnest(list_concat(words, list_transform(words, lambda word: ltrim(word, '#')))) as word
    from texts

),

vocabulary as (

    select distinct word from text_words

),

word_terms as (

    select
        terms.term_id,
        terms.language,
        vocabulary.word
    from terms
    inner join vocabulary on terms.pattern = vocabulary.word
    where terms.match = 'word'

    union all

    select
        terms.term_id,
        terms.language,
        vocabulary.word
    from terms
    inner join vocabulary on '#' || terms.pattern = vocabulary.word
    where terms.match = 'hashtag'

    union all

    select
        terms.term_id,
        terms.language,
        vocabulary.word
    from terms
    inner join vocabulary
        on
            -- Two letters first: they can be looked up, the rest must be compared one by one.
            left(terms.pattern, 2) = left(vocabulary.word, 2)
            and starts_with(vocabulary.word, terms.pattern)
    where terms.match = 'stem'

    union all

    select
        terms.term_id,
        terms.language,
        vocabulary.word
    from terms
    inner join vocabulary on contains(vocabulary.word, terms.pattern)
    where terms.match = 'part'

),

word_matches as (

    select
        text_words.message_id,
        word_terms.term_id
    from text_words
    inner join word_terms on text_words.word = word_terms.word
    where
        word_terms.language = 'any'
        or text_words.language is null
        or text_words.language = word_terms.language

),

phrase_matches as (

    select
        texts.message_id,
        terms.term_id
    from text_words
    inner join terms on text_words.word = terms.anchor
    inner join texts on text_words.message_id = texts.message_id
    where
        terms.match = 'phrase'
        and (terms.language = 'any' or texts.language is null or texts.language = terms.language)
        and contains(
            texts.spaced_text,
            ' ' || terms.pattern || case when terms.is_open_ended then '' else ' ' end
        )

),

platform_matches as (

    select
        messages.message_id,
        terms.term_id
    from messages
    inner join terms on messages.platform = terms.pattern
    where terms.match = 'platform' and not messages.is_deleted

),

matches as (

    select * from word_matches
    union all
    select * from phrase_matches
    union all
    select * from platform_matches

),

final as (

    select distinct
        message_id,
        term_id
    from matches

)

select * from final
