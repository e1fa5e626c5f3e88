"""The exports of the demo company: the shop's reviews as JSON Lines, the employer portal's reviews as CSV, and the
Takeout of its old Google+ page (demo.google_plus)."""

import csv
import io
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from demo import google_plus
from demo.company import LEGAL_NAME, ZONE
from demo.messages import Message
from demo.world import World

SHOP_FILE, EMPLOYER_FILE = "shop_reviews.jsonl", "employer_reviews.csv"
_COLUMNS = (
    "Bewertungs-ID;Arbeitgeber;Standort;Monat;Gesamtbewertung;Titel;Gut am Arbeitgeber finde ich;"
    "Schlecht am Arbeitgeber finde ich;Status;Tätigkeit;Weiterempfehlung;Sprache"
)


def write(world: World, folder: Path) -> list[Path]:
    """Write the exports into `folder`, each in one step and only where it would change; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {SHOP_FILE: shop_reviews(world), EMPLOYER_FILE: employer_reviews(world)}
    for name, content in contents.items():
        path = folder / name
        if path.is_file() and path.read_bytes() == content:
            continue
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    return [*(folder / name for name in contents), google_plus.write(world.seed, folder)]


def shop_reviews(world: World) -> bytes:
    """One JSON object a line, in the order in which things happened: reviews, answers, edits, tombstones.

    An edited review comes again, whole, under its id; of a deleted one a line with `deleted: true` remains.
    """
    rows: list[tuple[datetime, dict[str, Any]]] = []
    for message in world.messages["shop"]:
        if message.parent is not None:
            rows.append((message.created_at, _answer(message)))
            continue
        first = _review(message, message.old_text or message.text, message.details.get("old_rating"))
        rows.append((message.created_at, first))
        if message.edited_at is not None and message.is_deleted:
            gone = {"id": message.native_id, "deleted": True, "updated_at": _local(message.edited_at)}
            rows.append((message.edited_at, gone))
        elif message.edited_at is not None:
            again = _review(message, message.text, None)
            rows.append((message.edited_at, {**again, "updated_at": _local(message.edited_at)}))
    rows.sort(key=lambda row: row[0])
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for _, row in rows).encode()


def employer_reviews(world: World) -> bytes:
    """A German portal's CSV: semicolons, decimal commas, no day but only the month, Windows-1252."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerow(_COLUMNS.split(";"))
    for message in world.messages["employer"]:
        details, local = message.details, message.created_at.astimezone(ZONE)
        writer.writerow(
            [
                message.native_id,
                LEGAL_NAME,
                details["place"],
                f"{local:%m/%Y}",
                f"{message.rating:.1f}".replace(".", ","),
                message.title,
                details["pros"],
                details["cons"],
                details["status"],
                details["job"],
                details["recommends"],
                message.language,
            ]
        )
    return file.getvalue().encode("cp1252", errors="replace")


def _review(message: Message, text: str, rating: str | None) -> dict[str, Any]:
    return {
        "id": message.native_id,
        "created_at": _local(message.created_at),
        "product": message.product,
        "stars": int(rating or message.rating or 0),
        "title": message.title,
        "text": text,
        "language": message.language,
        "author": {"id": message.author.native_id, "name": message.author.handle},
        "verified_purchase": message.details["verified"] == "true",
        "store": message.details["store"],
        "helpful_votes": message.favourites,
        "url": f"https://shop.weidenfels.example/bewertungen/{message.native_id}",
    }


def _answer(message: Message) -> dict[str, Any]:
    assert message.parent is not None  # noqa: S101 - answers have a review above them
    return {
        "id": message.native_id,
        "reply_to": message.parent.native_id,
        "created_at": _local(message.created_at),
        "product": message.product,
        "text": message.text,
        "language": message.language,
        "author": {"id": message.author.handle, "name": message.author.name},
        "url": f"https://shop.weidenfels.example/bewertungen/{message.parent.native_id}",
    }


def _local(moment: datetime) -> str:
    """Local time with its offset, as the shop's software writes it."""
    return moment.astimezone(ZONE).isoformat(timespec="seconds")
