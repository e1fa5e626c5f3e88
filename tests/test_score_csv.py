"""`resonanz score` on odd files: every row comes out, in order, with its own columns as they were."""

import csv
import io
import math
import subprocess
import sys
from pathlib import Path

import pytest

from resonanz.errors import ConfigError
from resonanz.scoring.csv_file import ADDED, WIDE_ROW, Scored, score_csv
from resonanz.scoring.rate import NOT_COVERED, NOTHING_TO_READ, rate
from resonanz.sentiment import LABELS, SentimentModel, load_model

REPOSITORY = Path(__file__).parents[1]
RESONANZ = Path(sys.executable).parent / "resonanz"
SCRIPTS = [
    "Доброе утро", "Καλημέρα", "صباح الخير", "בוקר טוב", "सुप्रभात", "সুপ্রভাত", "ਸ਼ੁਭ ਸਵੇਰ",
    "સુપ્રભાત", "ସୁପ୍ରଭାତ", "காலை வணக்கம்", "శుభోదయం", "ಶುಭೋದಯ", "സുപ്രഭാതം", "සුභ උදෑසනක්",
    "สวัสดีตอนเช้า", "ສະບາຍດີຕອນເຊົ້າ", "བཀྲ་ཤིས་བདེ་ལེགས", "မင်္ဂလာနံနက်ခင်းပါ", "დილა მშვიდობისა",
    "እንደምን አደርክ", "ᏃᏈᏏ ᎤᎩᏨᏅᎯ", "អរុណ​សួស្តី", "ᠥᠭᠯᠥᠭᠡᠨ ᠦ ᠮᠡᠨᠳᠦ", "おはようございます", "早上好", "좋은 아침",
    "Բարի լույս", "ⵜⵉⴼⴰⵡⵉⵏ", "ߛߐ߲߬ߓߊ߬", "Chào buổi sáng",
]  # fmt: skip
HOSTILE = [
    "", " ", "\t\n", "😀", "👍🏽👍🏽👍🏽", "https://example.org", "www.example.org @jemand",
    "\u200b\u200d\ufeff", "\x01\x02", "x" * 100_000,
    "wort " * 20_000, "\u202eשלום עולם\u202c", "مرحبا بالعالم", "&#x110000;", "@" * 500, "\u0301" * 300, "🏳️‍🌈", "!!!",
    *SCRIPTS,
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return load_model(str(REPOSITORY / "model"))


class Table:
    """A file, what `resonanz score` makes of it, and both as rows."""

    def __init__(self, folder: Path, content: str | bytes, model: SentimentModel) -> None:
        self.source, self.target, self.model = folder / "texts.csv", folder / "scored.csv", model
        self.source.write_bytes(content if isinstance(content, bytes) else content.encode())

    def score(self, column: str = "text", **options: object) -> Scored:
        return score_csv(self.model, self.source, column, self.target, **options)  # type: ignore[arg-type]

    def rows(self, delimiter: str = ",", encoding: str = "utf-8") -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.target.read_bytes().decode(encoding), newline=""), delimiter=delimiter))


def written(rows: list[list[str]], **options: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **options).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def test_every_row_comes_out_with_what_the_warehouse_would_say(tmp_path: Path, model: SentimentModel) -> None:
    rows = [
        ["id", "text", "note"],
        ["1", 'Der "Kundendienst", leider:\r\nunfassbar schlecht.', "Zeile\nzwei"],
        ["2", "What a wonderful oven, thank you so much!", ""],
        ["3", "La livraison est arrivée avec trois semaines de retard.", "é"],
        ["4", "", " leer "],
        ["5", "Wagenrücklauf\rmittendrin, sehr schön", "a,b"],
    ]
    table = Table(tmp_path, written(rows, lineterminator="\n").replace("5,Wagenrücklauf\rmittendrin, sehr schön",
                  '5,"Wagenrücklauf\rmittendrin, sehr schön"'), model)  # fmt: skip
    result = table.score(provenance=True)
    found = table.rows()
    assert found[0] == [*rows[0], *ADDED, "abstain_reason", "model_id", "model_revision"]
    assert [row[:3] for row in found] == rows
    for row, rating in zip(found[1:], rate(model, [row[1] for row in rows[1:]]), strict=True):
        said = dict(zip(found[0], row, strict=True))
        assert said["sentiment"] == (rating.sentiment or "")
        assert said["language"] == (rating.language or "")
        assert said["is_abstained"] == str(rating.is_abstained).lower()
        assert said["abstain_reason"] == (rating.abstain_reason or "")
        if rating.sentiment:
            figures = [float(said[f"p_{label}"]) for label in LABELS]
            assert sum(figures) == pytest.approx(1, abs=1e-5)
            assert float(said["confidence"]) == max(figures)
    assert [row[4] for row in rows and found[3:5]] == ["", ""]  # French and nothing have no figures
    assert found[3][-3] == NOT_COVERED
    assert found[4][-3] == NOTHING_TO_READ
    assert {row[-1] for row in found[1:]} == {model.revision}
    assert (result.rows, result.reasons[NOT_COVERED]) == (5, 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiter_line_ends_and_mark_are_kept(
    tmp_path: Path, model: SentimentModel, delimiter: str, end: str, mark: str
) -> None:
    rows = [["text", "a;b,c|d\te"], ["Das ist gut", "1,5"], ["Leider kaputt", "2;5"]]
    content = mark + written(rows, delimiter=delimiter, lineterminator=end)
    table = Table(tmp_path, content, model)
    table.score()
    raw = table.target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") == bool(mark)
    assert raw.count(end.encode()) == raw.count(b"\n") == 3
    assert [row[:2] for row in table.rows(delimiter, "utf-8-sig")] == rows


def test_bytes_of_another_encoding_pass_through_and_are_told(tmp_path: Path, model: SentimentModel) -> None:
    content = "id,text\n1,Das war sehr schön für uns\n".encode("cp1252") + b"2,\xed\xa0\x80 broken\n3,fine\n"
    table = Table(tmp_path, content, model)
    result = table.score()
    for before, after in zip(content.splitlines(), table.target.read_bytes().splitlines(), strict=True):
        assert after.startswith(before + b",")
    assert result.undecodable == 2
    assert "--encoding" in str(result)
    assert table.score(encoding="cp1252").undecodable == 0
    assert "schön".encode("cp1252") in table.target.read_bytes()


def test_utf16_as_spreadsheets_write_it(tmp_path: Path, model: SentimentModel) -> None:
    table = Table(tmp_path, "text\tid\r\nDas ist schön\t1\r\n".encode("utf-16"), model)
    table.score()
    assert table.rows("\t", "utf-16")[1][:2] == ["Das ist schön", "1"]


def test_no_text_crashes_and_no_figure_is_nan(tmp_path: Path, model: SentimentModel) -> None:
    rows = [["n", "text"], *([str(number), text] for number, text in enumerate(HOSTILE))]
    table = Table(tmp_path, written(rows), model)
    table.score(provenance=True)
    found = table.rows()
    assert [row[:2] for row in found] == rows
    for row in found[1:]:
        said = dict(zip(found[0], row, strict=True))
        if said["sentiment"]:
            assert said["sentiment"] in LABELS
            assert all(math.isfinite(float(said[f"p_{label}"])) for label in LABELS)
        else:
            assert (said["is_abstained"], said["p_negative"], said["confidence"]) == ("true", "", "")
            assert said["abstain_reason"] in (NOTHING_TO_READ, NOT_COVERED)
        assert "nan" not in [value.lower() for value in row[2:]]


def test_rows_that_do_not_fit_the_header_are_kept_and_told(tmp_path: Path, model: SentimentModel) -> None:
    content = 'id,text,stars\n1,Sehr gut\n2,Gut, aber teuer,3\n\n3,"Nie wieder,1\n4,Wunderbar,5\n'
    table = Table(tmp_path, content, model)
    result = table.score(provenance=True)
    found = table.rows()
    width = len(found[0])
    assert [row[0] for row in found[1:]] == ["1", "2", "3", "4"]
    assert [len(row) - width for row in found[1:]] == [0, 1, 0, 0]
    assert found[1][2] == ""
    assert found[2][-1] == "3"  # the surplus stands behind all, so that no column shifts
    assert found[2][found[0].index("abstain_reason")] == WIDE_ROW
    assert (result.rows, result.faults) == (4, 3)
    assert "line 2: 2 fields where the header has 3" in str(result)


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        ("id;message\n1;a\n", "text", ["texts.csv", "'text'", "'id', 'message'", "--text-column"]),
        ("text,text\na,b\n", "text", ["texts.csv", "2 columns", "'text'", "rename"]),
        ("text,language,confidence\na,b,c\n", "text", ["texts.csv", "confidence, language", "Rename"]),
        ("", "text", ["texts.csv", "empty", "'text'"]),
    ],
)
def test_a_file_that_cannot_be_scored(
    tmp_path: Path, model: SentimentModel, content: str, column: str, words: list[str]
) -> None:
    table = Table(tmp_path, content, model)
    table.target.write_text("of an earlier run")
    with pytest.raises(ConfigError) as raised:
        table.score(column)
    for word in words:
        assert word in str(raised.value)
    assert table.target.read_text() == "of an earlier run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scored.csv", "texts.csv"]


def test_places_that_do_not_serve(tmp_path: Path, model: SentimentModel) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv cannot be read"):
        score_csv(model, tmp_path / "none.csv", "text", tmp_path / "out.csv")
    table = Table(tmp_path, "text\na\n", model)
    with pytest.raises(ConfigError, match="same file"):
        score_csv(model, table.source, "text", table.source)
    with pytest.raises(ConfigError, match="Does its folder exist"):
        score_csv(model, table.source, "text", tmp_path / "no" / "out.csv")
    with pytest.raises(ConfigError, match="--encoding"):
        Table(tmp_path, "text\nschön\n".encode("cp1252"), model).score(encoding="utf-16")


def test_memory_does_not_follow_the_files_size(tmp_path: Path) -> None:
    """Links need no model, so these are quick; what reads, holds and writes rows is the same."""
    code = (
        "import re, sys; from pathlib import Path; from resonanz.scoring.csv_file import score_csv\n"
        "from resonanz.sentiment import load_model\n"
        "score_csv(load_model('model'), Path(sys.argv[1]), 'text', Path(sys.argv[1] + '.out'))\n"
        "print(re.findall(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[0])"
    )
    peaks = []
    for rows in (4_000, 100_000):
        source = tmp_path / f"{rows}.csv"
        with source.open("w") as file:
            file.write("text,more\n")
            file.writelines(f"https://example.org/{row},{'m' * 200}\n" for row in range(rows))
            file.writelines(f"kurz,{'m' * 1_000_000}\n" for _ in range(rows // 2_000))
        command = [sys.executable, "-c", code, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        peaks.append(int(done.stdout) / 1024)
        assert Path(f"{source}.out").read_bytes().count(b"\n") == 1 + rows + rows // 2_000
    assert peaks[1] < peaks[0] + 40  # MB; the larger file has 70 MB


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,words\n1,Das ist wirklich wunderbar!\n", encoding="utf-8")
    base = [str(RESONANZ), "score", "--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv")]
    done = subprocess.run([*base, "--text-column", "words"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row = next(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert (row["id"], row["sentiment"], row["is_abstained"], row["language"]) == ("1", "positive", "false", "de")
    assert "1 rows scored by resonanz-sentiment-de-en@" in done.stdout
    wrong = subprocess.run([*base, "--text-column", "text"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "in.csv has no column 'text'" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    unpinned = subprocess.run([*base, "--text-column", "words", "--model", "a/b"], capture_output=True, text=True)
    assert unpinned.returncode == 2
    assert "40 hex digits" in unpinned.stderr
