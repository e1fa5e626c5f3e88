"""The language of real texts."""

import csv
from pathlib import Path

import pytest

from resonanz.language import LANGUAGES, detect

LABELLED = Path(__file__).parents[2] / "shared" / "data" / "sentiment" / "labelled_de_en.csv"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Die Lieferung kam drei Wochen zu spät und niemand ging ans Telefon.", "de"),
        ("The delivery was three weeks late and nobody picked up the phone.", "en"),
        ("La livraison est arrivée avec trois semaines de retard.", "fr"),
        ("De levering kwam drie weken te laat en niemand nam de telefoon op.", "nl"),
        ("Dostawa przyszła trzy tygodnie za późno, nikt nie odbierał telefonu.", "pl"),
        ("Доставка опоздала на три недели, и никто не брал трубку.", "ru"),
    ],
)
def test_full_sentences(text: str, code: str) -> None:
    found, confidence = detect([text])[0]
    assert found == code
    assert 0.8 < confidence <= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "😍😍👍🏽",
        "https://example.org/eine-lange-deutsche-adresse",
        "@nur_ein_name",
        "42 !!",
        "ok",
        "\ud800",
    ],
)
def test_nothing_to_go_by(text: str) -> None:
    assert detect([text]) == [(None, 0.0)]


def test_addresses_and_handles_do_not_count() -> None:
    english = "Thank you so much for the quick help, the machine works again"
    dressed = f"@die_deutsche_bahn {english} https://www.beispiel.de/waschmaschine/kundendienst-ersatzteile"
    assert detect([dressed])[0][0] == "en"


def test_order_is_kept_and_gaps_stay_in_place() -> None:
    texts = ["Das war ein sehr schöner Abend mit euch", "👍", "That was a very nice evening with you all"]
    assert [code for code, _ in detect(texts)] == ["de", None, "en"]


def test_only_codes_it_promises() -> None:
    assert {code for code, _ in detect(["Köszönöm szépen a gyors segítséget", "terima kasih banyak", "schön"])} <= {
        *LANGUAGES,
        None,
    }


@pytest.mark.skipif(not LABELLED.exists(), reason="the labelled texts (../shared/data/sentiment) are not here")
def test_german_and_english_on_real_tweets() -> None:
    with LABELLED.open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "validation"]
    found = detect([row["text"] for row in rows])
    for language, least in (("de", 0.90), ("en", 0.98)):
        codes = [code for (code, _), row in zip(found, rows, strict=True) if row["language"] == language]
        assert codes.count(language) / len(codes) >= least
