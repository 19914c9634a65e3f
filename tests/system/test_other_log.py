"""Documents at a real gateway: signed for another log, handed in by others, and too many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.running import SOURCE, act, bearer, get, now_us, request, wicketgate
from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import dump_envelope
from wicketgate.http.api.documents import EACH
from wicketgate.regime.documents.binding import bind
from wicketgate.regime.documents.document import sign_document
from wicketgate_demo.world import london

CHARGING = london.CHARGING


@pytest.fixture(scope="module")
def city() -> Iterator[Running]:
    with gateway(4) as running:
        yield running


def hand_in(
    running: Running, document: Mapping[str, Any], *offices: str, token: str = SOURCE
) -> httpx.Response:
    """Submit a document as it stands, with the signatures of these offices."""
    envelope = dump_envelope(sign_document(document, [running.offices.keys[one] for one in offices]))
    return request("POST", f"{running.url}/v1/documents", content=envelope, headers=bearer(running, token))


def test_what_was_signed_for_a_rehearsal_is_worth_nothing_here(city: Running) -> None:
    """The very keys, offices and names of this gateway: only the log is another one, or none."""
    paper = london.PAPERS[london.OF_INTEREST]
    document = london.PAPERS[london.OF_INTEREST].draft(city.at_us)
    document["authority"] |= {"name": "tfl-met-rehearsed"}
    unbound = {**document, "authority": {**document["authority"]}}
    del unbound["authority"]["log"]
    for other in (bind(document, "wicketgate.example/rehearsal"), unbound):
        answer = hand_in(city, other, *paper.signers)
        assert (answer.status_code, answer.json()["code"]) == (422, "other-log"), answer.text
    stop = act("suspension", CHARGING, "s-elsewhere")
    unbound_stop = {
        "suspension": {name: value for name, value in stop["suspension"].items() if name != "log"}
    }
    for other in (bind(stop, "wicketgate.example/rehearsal"), unbound_stop):
        answer = hand_in(city, other, london.OVERSEER)
        assert (answer.status_code, answer.json()["code"]) == (422, "other-log"), answer.text
    names = {one["name"]: one["status"] for one in get(f"{city.url}/register.json").json()["authorities"]}
    assert "tfl-met-rehearsed" not in names
    assert names[CHARGING] == "in-force"


def test_the_admin_hands_in_what_a_court_and_an_overseer_signed(city: Running) -> None:
    at = rfc3339(now_us())
    challenge = {
        "id": "case-1",
        "authority": CHARGING,
        "at": at,
        "court": "High Court",
        "claim": "It is void.",
    }
    said = bind({"challenge": {**challenge, "stay": False}}, london.ORIGIN)
    assert hand_in(city, said, "high-court/judge", token="admin").status_code == 201
    stop = act("suspension", CHARGING, "s-by-overseer")
    assert hand_in(city, stop, london.OVERSEER, token="admin").status_code == 201
    again = act("resumption", CHARGING, "r-1", suspension="s-by-overseer")
    answer = hand_in(city, again, "tfl/data-protection", london.OVERSEER, token="admin")
    assert answer.status_code == 201, answer.text
    # The admin's token adds no signature of its own.
    unsigned = hand_in(city, act("revocation", CHARGING, "end-1"), token="admin")
    assert (unsigned.status_code, unsigned.json()["code"]) == (422, "signature-missing")


def test_a_token_has_a_rate_and_keeps_no_other_out(city: Running) -> None:
    """The last in this file: afterwards the recipient's token has to wait."""
    loud = london.READERS[CHARGING]
    codes = []
    for _ in range(EACH.burst + 20):
        answer = hand_in(city, {"suspension": {"id": "x"}}, token=loud)
        codes.append(answer.status_code)
        if answer.status_code == 429:
            break
    assert codes.count(422) >= EACH.burst
    assert codes[-1] == 429
    assert answer.json()["code"] == "too-many-documents"
    assert int(answer.headers["Retry-After"]) >= 1
    stop = act("suspension", CHARGING, "s-heard")
    assert hand_in(city, stop, london.OVERSEER).status_code == 201


def test_init_refuses_a_charter_for_another_log_or_none(tmp_path: Path) -> None:
    offices = london.appoint()
    document = london.charter_document(offices, now_us())
    roots = document["signatures"][0]["offices"]
    for name, log in (("other", "wicketgate.example/rehearsal"), ("none", None)):
        changed = bind(document, log or "")
        if log is None:
            del changed["charter"]["log"]
        (tmp_path / f"{name}.json").write_bytes(london.signed(changed, offices, roots))
        result = wicketgate("init", tmp_path / name, "--charter", tmp_path / f"{name}.json")
        assert result.returncode == 1, result.stderr
        assert result.stderr.endswith("[other-log]\n")
        assert not (tmp_path / name).exists()
