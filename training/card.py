"""The model card, with the figures of this very run."""

from pathlib import Path

_TEXT = """---
language: [de, en]
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
pipeline_tag: text-classification
---

# Sentiment of German and English posts

Says whether a post, comment or review is negative, neutral or positive. Six transformer layers of width 384 (MiniLM),
the mean of the token vectors, one linear layer; {parameters:.1f} million parameters in int8, {megabytes:.1f} MB, no
torch needed. Texts are first normalised by `resonanz.sentiment.normalise` and read up to {max_length} tokens.

## Figures

Validation split of UMSAB, both languages, measured on the int8 file in this folder through `resonanz.sentiment`.

{table}

The sets are small: a macro-F1 here carries about ±0.05 (95 %). Temperature and threshold were fitted on these same
texts, so calibration and coverage are a little flattering; nothing else was fitted to them.

{others}

The probabilities are calibrated by temperature {temperature}. Where the highest is below **{threshold}**, the model is
not sure enough, and a text should count as abstained; about a fifth of the texts above are.

**int8**: each token's vector and each weight column has a scale of its own, and texts are run without padding. A text's
probabilities therefore do not depend on the texts it is scored with.

## Data

| set | language | rows | what | terms, as far as known |
|---|---|---|---|---|
| UMSAB (train) | de, en | 3,661 | tweets | research benchmark; tweets stay under the platform's terms |
| TweetEval sentiment | en | 11,629 | tweets (SemEval 2017) | as above |
| Twitter US Airline Sentiment | en | 11,035 | tweets to six airlines, 2015 | published as CC BY-NC-SA 4.0 |
| SB10k | de | 4,967 | tweets | annotations free with citation; tweets as above |
| PotTS | de | 7,083 | tweets | MIT (corpus repository) |
| hotel and restaurant reviews | de | 6,681 | sentences, star ratings | not established |

Rows are those before duplicates are dropped: SB10k and UMSAB hold some of the same tweets, spelt with and without
blanks around signs, and texts are told apart by their letters alone, so that none of UMSAB's validation split is among
the training rows. (60 of its 322 German texts were, in SB10k's spelling, before. UMSAB's test split is not here to
compare with: some of its German texts may be among SB10k's in the same way.) The texts are not part of this folder or
of the repository. Some of the sets exclude commercial use of the *data*; whether that reaches a model trained on them
is not settled everywhere, so ask your own counsel, or train on your own texts with the same command. The base weights
(all-MiniLM-L6-v2) are under Apache-2.0.

Otherwise no row of UMSAB's test split, of GermEval 2017, or of one fifth of the airlines' users is among them. The
vocabulary was extended with pieces from the same texts and from 47,922 unlabelled German comments and reviews.

## Training

`make train`, or `python -m training`; see training/README.md. {steps} batches of 32 texts, AdamW, seed 7, bfloat16 on
the CPU; at most 2,500 rows of a label from any one source, fewer of reviews and airlines, so that {steps} batches are
{epochs:.2f} passes over {rows:,} rows. Within each source the three labels weigh alike (up to a factor of 4); UMSAB
counts double, SB10k one and a half times. A tenth of the tokens is hidden from the network as it learns. {origin}

## Known weaknesses

- German is weaker than English: the base model never saw German, and its German was learnt from labelled texts alone.
- News-like posts that report trouble without feeling are often called negative: on German posts about a rail company
  (GermEval 2017) the model is far below its figures above; training/README.md has the numbers.
- Irony and sarcasm ("Na super, wieder kaputt") were not measured; expect many to be read literally.
- German negation is understood less firmly than English: "nicht gut" moves to negative, but with little certainty.
- The training texts are tweets of 2013 to 2017 and hotel, restaurant and airline feedback. Other trades, later slang
  and long reviews are further from them; what lies past {max_length} tokens is not read.
- One label a text: mixed praise and complaint gets whichever weighs more.
- Umlauts matter: text without them ("schoen", "moechte") is understood less well. Dialect and Swiss German, too.
- Other languages get numbers that mean nothing; the pipeline does not ask for them.
"""

_ROWS = (
    ("texts", "texts"),
    ("macro-F1", "macro_f1"),
    ("macro-F1 of the fp32 file", "macro_f1_fp32"),
    ("labels equal to fp32", "agreement_with_fp32"),
    ("accuracy", "accuracy"),
    ("kept at the threshold", "coverage"),
    ("accuracy of what is kept", "accuracy_where_kept"),
    ("expected calibration error", "calibration_error"),
    ("precision / recall negative", "precision_negative", "recall_negative"),
    ("precision / recall neutral", "precision_neutral", "recall_neutral"),
    ("precision / recall positive", "precision_positive", "recall_positive"),
)


_HELD_OUT = """Held out of the training sources, a twelfth of each, with their own mix of labels (SB10k is four fifths
neutral, the reviews are mostly praise):

| | texts | macro-F1 | accuracy |
|---|---|---|---|
"""
_NOT_HELD_OUT = """Other held-out texts have no figures here: this model goes on from an earlier one, which had learnt
from all rows but the validation split, and from 60 German texts of that in another spelling."""
_ORIGINS = {
    True: "It\nwent on from the weights of the model that was shipped before; these weights are the mean of both "
    "(training/README.md).",
    False: "It\nstarted from the base weights.",
}


def render(
    figures: dict[str, dict[str, float]], sources: dict[str, dict[str, float]], start: Path | None, **facts: float
) -> str:
    lines = [
        "| | " + " | ".join({"de": "German", "en": "English"}[code] for code in figures) + " |",
        "|---|" + "---|" * len(figures),
    ]
    for title, *names in _ROWS:
        cells = [" / ".join(_number(of[name]) for name in names) for of in figures.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    rows = [
        f"| {name} | {of['texts']:,} | {of['macro_f1']:.3f} | {of['accuracy']:.3f} |" for name, of in sources.items()
    ]
    facts_in_words = {
        "table": "\n".join(lines),
        "others": _HELD_OUT + "\n".join(rows) if rows else _NOT_HELD_OUT,
        "origin": _ORIGINS[start is not None],
    }
    return _TEXT.format(**facts_in_words, **facts)


def _number(value: float) -> str:
    return str(int(value)) if value > 1 else f"{value:.3f}"
