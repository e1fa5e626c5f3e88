"""Export files as they really are: encodings, broken bytes, quotes out of balance, rows of the wrong width."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resonanz.archive import delimited
from resonanz.archive.delimited import Dialect, rows
from resonanz.archive.messages import Reader
from resonanz.archive.options import Options
from resonanz.archive.records import records
from resonanz.errors import SourceError
from resonanz.landing import Message
from resonanz.privacy import Privacy

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "archive"
PRIVACY = Privacy(b"a secret of the tests", ["nordlicht"])


def read(path: Path, **options: object) -> list[Message]:
    chosen = Options.model_validate({"files": [path.name], "mapping": {"text": "body", "id": "id"}} | options)
    reader = Reader(chosen, PRIVACY)
    return [reader.message(record, f"{path.name}:{record.place}") for record in records(path, chosen)]


def test_a_quote_that_never_closes_costs_its_own_line_only() -> None:
    first, second, third, fourth, fifth = read(FIXTURES / "unbalanced_quote.csv")
    assert "quote" in (second.parse_error or "")
    assert second.origin == "unbalanced_quote.csv:3"
    assert "never closes" in str(second.payload)
    assert [m.text for m in (first, third, fourth, fifth)] == [
        "first, all is well",
        "third",
        "fourth, with a comma",
        "fifth",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # nothing follows that could close it: the file's rest is not swallowed
        ('a,b,c\n1,"x,2\n3,y,4\n5,z,6\n', [(2, True), (3, False), (4, False)]),
        # the next row's own quote closes it, and the widths even fit
        ('a,b,c\n1,"x,2\n3,"y",4\n5,z,6\n', [(2, True), (3, False), (4, False)]),
        ('a,b,c\n1,"x,2\n3,"y\ny",4\n5,z,6\n', [(2, True), (3, False), (5, False)]),
        # sloppy quotes inside a field are no reason to give a row up, unless a line ends there
        ('a,b,c\n1,"he said "hi" to me",2\n3,y,4\n', [(2, False), (3, False)]),
        ('a,b,c\n1,"she said "hi"\nand left",2\n3,y,4\n', [(2, True), (3, True), (4, False)]),
        # a file cut off inside a quoted field
        ('a,b,c\n1,x,2\n3,"y is long and', [(2, False), (3, True)]),
        # blank lines are no rows, rows of empty fields are
        ("a,b,c\n\n1,x,2\n,,\n\n", [(3, False), (4, False)]),
        # a lone carriage return inside a field ends no line
        ('a,b,c\r\n1,"x\r\ry",2\r\n3,y,4\r\n', [(2, False), (3, False)]),
    ],
)
def test_records_and_their_lines(content: str, expected: list[tuple[int, bool]]) -> None:
    found = list(rows(io.StringIO(content, newline=""), Dialect()))[1:]
    assert [(row.line, row.fault is not None) for row in found] == expected


def test_a_record_without_end_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LONGEST_RECORD", 1_000)
    content = 'a,b\n1,"open\n' + "2,x\n" * 2_000 + "3," + "y" * 5_000 + "\n4,z\n"
    found = list(rows(io.StringIO(content, newline=""), Dialect()))[1:]
    assert found[0].fault
    assert [row.fields for row in found[1:2001]] == [["2", "x"]] * 2_000
    assert len(found) == 2_003
    assert found[-2].fault
    assert found[-1].fields == ["4", "z"]


def test_rows_of_the_wrong_width_keep_what_they_say_and_name_nobody() -> None:
    options = {"mapping": {"text": "body", "author": "handle", "id": "id"}, "private_columns": ["place"]}
    good, wide, short = read(FIXTURES / "wrong_width.csv", **options)
    assert good.parse_error is None
    assert wide.parse_error == "6 fields where the header has 5"
    assert short.parse_error == "3 fields where the header has 5"
    assert wide.payload["fields"][2:] == ["a comma", " that nobody quoted", "2024-01-02", None]
    assert "karl_m" not in str(wide.payload)
    assert "lea_s" not in str(short.payload)


def test_encodings_and_marks() -> None:
    [cp1252] = read(
        FIXTURES / "german_cp1252.csv",
        encoding="cp1252",
        delimiter=";",
        decimal_mark=",",
        mapping={"text": "body", "rating": "stars"},
    )
    assert (cp1252.text, cp1252.rating, cp1252.text_is_repaired) == ('Größe stimmt, Qualität "naja" – 3 €', 4.5, False)
    [utf16] = read(FIXTURES / "german_utf16.csv")
    assert (utf16.text, utf16.text_is_repaired) == ("Größe stimmt 👍", False)
    [guessed] = read(FIXTURES / "german_cp1252.csv", delimiter=";")
    assert (guessed.text, guessed.text_is_repaired) == ('Gr��e stimmt, Qualit�t "naja" � 3 �', True)


def test_broken_bytes_are_flagged_and_only_they_change() -> None:
    found = read(FIXTURES / "broken_bytes.csv")
    assert [(m.text, m.text_is_repaired) for m in found] == [
        ("it’s fine", False),
        ("it�s broken", True),
        ("a � byte", True),
        ("damaged before: �", True),
        ("fine", False),
    ]


def test_utf16_without_a_mark_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_bytes("id,body\n1,hello there\n".encode("utf-16-le"))
    with pytest.raises(SourceError, match='encoding = "utf-16-le"'):
        read(path)
    [message] = read(path, encoding="utf-16-le")
    assert message.text == "hello there"


def test_double_headers_only_matter_where_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("id,body,x,x,\n1,hello,a,b,c\n")
    [message] = read(path)
    assert message.payload == {"id": "1", "body": "hello", "x": "a", "x (2)": "b", "column 5": "c"}
    with pytest.raises(SourceError, match=r"2 columns are called 'x', which mapping\.account reads"):
        read(path, mapping={"text": "body", "account": "x"})


def test_files_without_quotes_headers_or_commas(tmp_path: Path) -> None:
    path = tmp_path / "plain.tsv"
    path.write_text('1\t"unclosed and 5" wide\n2\tfine\n')
    found = read(path, quote="", header=["id", "body"])
    assert [m.text for m in found] == ['"unclosed and 5" wide', "fine"]


def test_json_lines_that_are_no_messages(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(b'{"id": "1", "body": "x"}\n\n[1]\n' + b"[" * 100_000 + b'\n{"id": "2", "body": "y\x00"}\n')
    found = read(path)
    assert [m.origin for m in found] == ["odd.jsonl:1", "odd.jsonl:3", "odd.jsonl:4", "odd.jsonl:5"]
    assert [m.parse_error is None for m in found] == [True, False, False, True]
    assert (found[3].text, found[3].text_is_repaired) == ("y�", True)
    path.write_text('{"id": "1", "bdy": "x"}\n')
    with pytest.raises(SourceError, match="did you mean 'bdy'"):
        read(path)


def test_ids_that_a_spreadsheet_rounded_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("id,body\n5.70306E+17,hello\n")
    [message] = read(path)
    assert message.native_id is None
    assert "rounded by a spreadsheet" in (message.parse_error or "")


def test_content_ids_are_stable_and_do_not_depend_on_metrics(tmp_path: Path) -> None:
    path = tmp_path / "noid.csv"
    options = {"mapping": {"text": "body", "author": "who"}, "metrics": {"shares": "n"}}
    path.write_text("who,body,n\nanna,hello,1\nanna,hello,2\nkarl,hello,1\n")
    first, second, third = (message.native_id for message in read(path, **options))
    assert first == second != third
    assert first == next(iter(read(path, **options))).native_id


def test_counts_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text('id,body,n\n1,a,"1,234"\n2,b,many\n3,c,-1\n4,d,\n')
    one, two, three, four = read(path, metrics={"shares": "n"})
    assert one.metrics == {"shares": 1234.0}
    assert two.parse_error == "shares (column 'n'): 'many' is not a number"
    assert three.parse_error == "shares (column 'n'): '-1' is no count"
    assert (four.metrics, four.parse_error) == ({}, None)
    [*_, three, _] = read(path, metrics={"shares": {"column": "n", "empty": ["-1"]}})
    assert (three.metrics, three.parse_error) == ({}, None)


def test_numbers_too_large_and_stamps_too_late(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_text(
        '{"id": "1", "body": "a", "n": 1' + "0" * 400 + '}\n{"id": "2", "body": "b", "n": "' + "9" * 400 + '"}\n'
    )
    assert ["not a number" in (m.parse_error or "") for m in read(path, metrics={"shares": "n"})] == [True, True]

    path = tmp_path / "late.parquet"
    stamps = pa.array([1_717_243_200_123_456_789, 2**62, None], pa.timestamp("ns"))
    late = pa.array([0, 2**55, None], pa.timestamp("ms"))
    pq.write_table(pa.table({"id": ["1", "2", "3"], "body": ["a", "b", "c"], "at": stamps, "late": late}), path)
    first, second, third = read(path, mapping={"text": "body", "id": "id", "created_at": "at"})
    assert first.created_at == datetime(2024, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert "cannot be read" in (second.parse_error or "")
    assert (third.text, third.parse_error) == ("c", None)


def test_an_author_out_of_an_address(tmp_path: Path) -> None:
    path = tmp_path / "urls.csv"
    path.write_text("id,body,link\n1,hello anna,https://forum.example/members/anna/posts/7\n")
    link = {"column": "link", "pattern": r"forum\.example/members/(\w+)"}
    site = {"column": "link", "cases": {"forum": "forum"}}
    mapping = {"text": "body", "id": "link", "author": link, "platform": site, "url": "link"}
    [message] = read(path, mapping=mapping)
    assert message.author_key == PRIVACY.author_key("forum", "anna")
    assert message.url == f"https://forum.example/members/{message.author_key}/posts/7"
    assert message.native_id == message.payload["link"] == message.url
    assert message.text == message.payload["body"] == "hello anna"


def test_faults_name_nobody(tmp_path: Path) -> None:
    path = tmp_path / "shifted.csv"
    path.write_text("id,who,body,at\n1,anna_b,hello,by anna_b yesterday\n")
    [message] = read(path, mapping={"text": "body", "id": "id", "author": "who", "created_at": "at"})
    assert "fits no time format" in (message.parse_error or "")
    assert "anna_b" not in str(message)
