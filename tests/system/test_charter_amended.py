"""A charter changed while reads flow: what it narrows holds within a second, what it widens once it was asked."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.running import (
    CHARGING,
    OVERSEER,
    SOURCE,
    act,
    bearer,
    entries,
    get,
    issue,
    now_us,
    plates,
    post,
    read,
    request,
    submit,
    until,
    wicketgate,
)
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate.base.signing import PrivateKey, dump_envelope, format_public
from wicketgate.ledger.sealing import new_identity
from wicketgate.regime.documents.document import sign_document
from wicketgate_demo.world import london

ROOTS = ("tfl/commissioner", "home-office/secretary-of-state", london.OVERSEER)
CT = london.COUNTER_TERRORISM
Document = dict[str, Any]


@pytest.fixture(scope="module")
def city() -> Iterator[Running]:
    with gateway(12) as running:
        yield running


class Keys:
    """Who holds which key now; it outlives the single tests, as the deployment does."""

    def __init__(self, keys: Mapping[str, PrivateKey]) -> None:
        self.held = dict(keys)


@pytest.fixture(scope="module")
def keys(city: Running) -> Keys:
    return Keys(city.offices.keys)


def following(running: Running) -> Document:
    """Return the charter in force with the number of the next."""
    document = copy.deepcopy(get(f"{running.url}/register.json").json()["charter"]["document"])
    document["charter"]["version"] += 1
    document["charter"].pop("consultation", None)
    return dict(document)


def hand_in(running: Running, document: Document, by: Sequence[PrivateKey]) -> httpx.Response:
    envelope = dump_envelope(sign_document(document, by))
    return request("POST", f"{running.url}/v1/documents", content=envelope, headers=bearer(running, SOURCE))


def taken(running: Running, keys: Keys, document: Document, *more: PrivateKey) -> float:
    """Hand in a charter that takes effect; return when it was answered."""
    answer = hand_in(running, document, [*(keys.held[office] for office in ROOTS), *more])
    assert answer.status_code == 201, answer.text
    return time.time()


def refusal(running: Running, keys: Keys, document: Document) -> tuple[int, str, str]:
    answer = hand_in(running, document, [keys.held[office] for office in ROOTS])
    return answer.status_code, answer.json()["code"], answer.text


def source(document: Document, name: str) -> Document:
    found: Document = next(one for one in document["organisations"] if one["id"] == name)
    return found


def images_of(running: Running, name: str, days_ago: int) -> Path:
    """Lay down a day of images of a source, as if they had been sent then."""
    day = rfc3339(now_us() - days_ago * DAY_US)[:10].replace("-", "")
    folder = running.folder / "images" / name / day
    folder.mkdir(parents=True)
    (folder / "patch").write_bytes(b"\xff\xd8\xff")
    return folder


def test_what_a_charter_narrows_holds_within_a_second(city: Running, keys: Keys) -> None:
    old, young = images_of(city, "tfl", 20), images_of(city, "tfl", 5)
    late = plates(2, seed=900)
    assert post(city, read(late[0], ago_s=7200))["accepted"] == 1
    document = following(city)
    source(document, "tfl")["retention"] = "P14D"
    document["limits"]["too_old"] = "PT1H"
    answered = taken(city, keys, document)
    assert post(city, read(late[1], ago_s=7200))["accepted"] == 0
    assert time.time() - answered < 1.0
    until(lambda: not old.exists(), 5)
    assert young.exists()
    shown = until(
        lambda: (r := get(f"{city.url}/register.json").json())["charter"]["document"] == document and r
    )
    assert [one["document"]["charter"]["version"] for one in shown["charters"]][-2:] == [
        document["charter"]["version"] - 1,
        document["charter"]["version"],
    ]


def test_what_a_charter_widens_waits_for_a_closed_consultation(city: Running, keys: Keys) -> None:
    document = following(city)
    source(document, "marshbridge")["retention"] = "P21D"
    document["limits"]["late_after"] = "PT90S"
    status, code, text = refusal(city, keys, document)
    assert (status, code) == (422, "widening")
    assert "`marshbridge` keeps reads for 21 days, before 14 days" in text
    document["charter"]["consultation"] = "c-charter-1"
    assert refusal(city, keys, document)[:2] == (422, "consultation-does-not-cover")
    opens_us = now_us()
    closes_us = opens_us + 11 * SECOND_US
    consultation = {
        "consultation": {
            "id": "c-charter-1",
            "title": "Marshbridge keeps reads for three weeks",
            "at": rfc3339(opens_us),
            "opens_at": rfc3339(opens_us),
            "closes_at": rfc3339(closes_us + SECOND_US),
            "assessment": "A week longer, for appeals.",
        },
        "draft": document,
    }
    answer = submit(city, consultation, "tfl/commissioner")
    assert answer.status_code == 201, answer.text
    assert refusal(city, keys, document)[:2] == (422, "consultation-open")
    decision = {
        "decision": {
            "id": "d-charter-1",
            "consultation": "c-charter-1",
            "at": rfc3339(now_us()),
            "outcome": "approved",
            "reasons": "Nobody objected.",
            "covered_until": rfc3339(now_us() + 30 * DAY_US),
        }
    }
    early = submit(city, decision, *ROOTS)
    assert (early.status_code, early.json()["code"]) == (422, "consultation-open")
    time.sleep(max(0.0, (closes_us + SECOND_US - now_us()) / 1e6 + 0.2))
    assert submit(city, decision, *ROOTS).status_code == 201
    beyond = copy.deepcopy(document)
    source(beyond, "marshbridge")["retention"] = "P22D"
    assert refusal(city, keys, beyond)[:2] == (422, "consultation-does-not-cover")
    taken(city, keys, document)
    register = get(f"{city.url}/register.json").json()
    assert register["charter"]["document"] == document
    back = following(city)
    source(back, "marshbridge")["retention"] = "P7D"
    taken(city, keys, back)
    again = following(city)
    source(again, "marshbridge")["retention"] = "P21D"
    again["charter"]["consultation"] = "c-charter-1"
    assert refusal(city, keys, again)[:2] == (422, "consultation-does-not-cover")


def test_an_old_key_counts_for_nothing_from_the_charter_on(city: Running, keys: Keys) -> None:
    officer = "tfl/data-protection"
    before, after = keys.held[officer], PrivateKey.generate()
    document = following(city)
    office = next(one for one in document["offices"] if one["id"] == officer)
    latest = len(entries(city.url)) - 1
    document.setdefault("keys_ended", []).append(
        {"key": office["key"], "office": officer, "reason": "rotated", "from_entry": latest}
    )
    office["key"] = format_public(after.public)
    unasked = hand_in(city, document, [*(keys.held[one] for one in ROOTS), after])
    assert (unasked.status_code, unasked.json()["code"]) == (422, "signature-missing")
    taken(city, keys, document, before, after)
    keys.held[officer] = after
    suspension = act("suspension", CT, "by-the-old-key")
    refused = hand_in(city, suspension, [before])
    assert (refused.status_code, refused.json()["code"]) == (422, "signature-invalid")
    allowed = hand_in(city, suspension, [after])
    assert allowed.status_code == 201, allowed.text
    lift = act("resumption", CT, "go-on", suspension="by-the-old-key")
    assert hand_in(city, lift, [after, keys.held[london.OVERSEER]]).status_code == 201


def test_a_compromised_key_stops_what_it_signed_from_its_entry_on(city: Running, keys: Keys) -> None:
    officer, thief = "tfl/commissioner", keys.held["tfl/commissioner"]
    name = "tfl-by-a-thief"
    stolen_at = len(entries(city.url)) - 1
    authority = london.charging_authority(city.at_us)
    authority["authority"] |= {"name": name, "version": 1}
    answer = hand_in(city, authority, [thief, keys.held["tfl/data-protection"]])
    assert answer.status_code == 201, answer.text
    document = following(city)
    office = next(one for one in document["offices"] if one["id"] == officer)
    document.setdefault("keys_ended", []).append(
        {"key": office["key"], "office": officer, "reason": "compromised", "from_entry": stolen_at}
    )
    after = PrivateKey.generate()
    office["key"] = format_public(after.public)
    others = [keys.held[one] for one in ROOTS[1:]]
    with_it = hand_in(city, document, [thief, after, *others])
    assert (with_it.status_code, with_it.json()["code"]) == (422, "signature-invalid")
    assert hand_in(city, document, [after, *others]).status_code == 201
    keys.held[officer] = after
    stands = {one["name"]: one["status"] for one in get(f"{city.url}/register.json").json()["authorities"]}
    assert stands[name] == "suspended"
    assert stands[london.CHARGING] == "in-force"


def test_whom_the_charter_does_not_know_any_more_has_no_token(city: Running, keys: Keys) -> None:
    issue(city, "source:eastholm")
    issue(city, OVERSEER)
    address = f"{city.url}/v1/openings/1"
    assert get(address, headers=bearer(city, OVERSEER)).status_code in (200, 404)
    document = following(city)
    opening = new_identity()[1]
    office = next(one for one in document["offices"] if one["id"] == london.OVERSEER)
    office["opening_key"] = opening
    taken(city, keys, document)
    # An overseer's office has changed hands: whoever held it has its token no more, and the next seconds are not his.
    assert get(address, headers=bearer(city, OVERSEER)).status_code == 401
    assert post(city, read(plates(1, seed=901)[0]))["accepted"] == 1
    issue(city, OVERSEER)
    assert get(address, headers=bearer(city, OVERSEER)).status_code in (200, 404)
    assert get(f"{city.url}/v1/feeds", headers=bearer(city, CHARGING)).status_code == 200


@pytest.mark.slow
def test_everything_holds_over_a_restart_and_anyone_can_check(city: Running, tmp_path: Path) -> None:
    version = following(city)["charter"]["version"]
    city.stop()
    city.start()
    assert following(city)["charter"]["version"] == version
    assert post(city, read(plates(1, seed=902)[0], ago_s=7200))["accepted"] == 0
    key = tmp_path / "key"
    key.write_text(get(f"{city.url}/log/key").text)
    time.sleep(6)
    done = wicketgate("verify", city.url, "--key", key, timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
