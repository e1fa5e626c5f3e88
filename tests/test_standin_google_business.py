"""The stand-in for Google Business Profile keeps to Google's reference, and Resonanz reads all that it serves."""

import pytest
from extraction import Source
from specs import discovery, documented
from specs.recorder import Recorder

from demo.company import GOOGLE_ACCOUNT
from demo.server import start
from demo.web import TOKEN
from demo.world import build


def violations(method, path, query, status, body, *more):
    """By the reference of reviews, or by the discovery document of the API that lists locations."""
    spec = documented.google_business_reviews() if path.startswith("/v4/") else discovery.business_locations()
    return spec.violations(method, path, query, status, body, *more)


@pytest.mark.parametrize("where", [{"account": GOOGLE_ACCOUNT}, {"locations": None}])
def test_a_whole_extraction_keeps_to_the_reference_and_brings_every_message(tmp_path, monkeypatch, where):
    world = build()
    alive = [
        m for m in world.messages["google_business"] if not m.is_deleted and not (m.parent and m.parent.is_deleted)
    ]
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    if "locations" in where:
        where = {"locations": sorted({m.details["location"] for m in alive if m.parent is None})}
    with start(world=world) as server:
        recorder = Recorder(server, {"/google_business": violations})
        address = f"{server.url}/google_business"
        source = Source(
            tmp_path, {"platform": "google_business", "base_url": address, "locations_url": address, **where}
        )
        assert source.run().problems == []
        assert recorder.violations() == []
        assert len(recorder.exchanges) > 5
        rows = source.by_id()
        assert len(rows) == len(alive)
        texts = sorted(row["text"] or "" for row in rows.values() if row["kind"] == "review")
        assert texts == sorted(m.text for m in alive if m.parent is None)
        assert {row["account"] for row in rows.values()} == {
            "Weidenfels Store Köln",
            "Weidenfels Store Hamburg",
            "Weidenfels Servicepunkt Fulda",
        }
        assert sum(source.quarantined().values()) == 0
        source.run()
        assert source.rows == []


def test_it_refuses_what_google_refuses():
    with start() as server:
        import requests

        base = f"{server.url}/google_business/v4/{GOOGLE_ACCOUNT}/locations/8192736450917263541/reviews"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert requests.get(base, timeout=5).status_code == 401
        for query, status in ((("pageSize", 51), 400), (("pageToken", "Zm9v"), 400), (("pageSize", 50), 200)):
            assert requests.get(base, dict([query]), headers=headers, timeout=5).status_code == status
        assert requests.get(f"{base}/nothing", headers=headers, timeout=5).status_code == 404
