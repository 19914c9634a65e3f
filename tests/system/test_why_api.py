"""`POST /v1/why` and `wicketgate why`: a real gateway is asked by its overseer, as of now and of past moments."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.keys import unseal
from tests.running import (
    OVERSEER,
    SOURCE,
    act,
    bearer,
    client,
    entries,
    now_us,
    plates,
    request,
    secret_file,
    submit,
    until,
    wicketgate,
)
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate_demo.world import london

CT, VOI = london.COUNTER_TERRORISM, london.OF_INTEREST
DESK = london.PAPERS[VOI]
UNIT = "met/national-security-units"
RESUMING = ("tfl/data-protection", "ico/commissioner")
PLATE, OTHER = plates(2, seed=907)


@pytest.fixture(scope="module")
def city() -> Iterator[Running]:
    with gateway(8) as running:
        yield running


def described(camera: str = "ccz-0001", **more: Any) -> dict[str, Any]:
    return {"source": "tfl", "camera": camera, "captured_at": rfc3339(now_us()), **more}


def ask(running: Running, read: Any, token: str = OVERSEER, **more: Any) -> httpx.Response:
    return request(
        "POST", f"{running.url}/v1/why", json={"read": read, **more}, headers=bearer(running, token)
    )


def answered(running: Running, read: Any, **more: Any) -> dict[str, Any]:
    """Return the one answer to a question."""
    found = ask(running, read, **more)
    assert found.status_code == 200, found.text
    (item,) = found.json()["answers"]
    return dict(item)


def facts(running: Running, kind: str) -> list[dict[str, Any]]:
    """Return what the overseer finds of a kind in the openings so far."""
    found: list[dict[str, Any]] = []
    with client(running, OVERSEER) as overseer:
        for line in overseer.get("/v1/openings", params={"limit": 1000}).text.splitlines():
            second = json.loads(
                unseal(base64.b64decode(json.loads(line)["sealed"]), running.offices.identity)
            )
            found += [fact for fact in second["facts"] if fact["kind"] == kind]
    return found


def entry_now(running: Running) -> int:
    """Return the log's last entry once a second of now has been closed."""
    moment = rfc3339(now_us() // SECOND_US * SECOND_US)

    def closed() -> int | None:
        log = entries(running.url)
        return len(log) - 1 if log[-1]["at"] > moment else None

    return until(closed)


def test_it_says_what_let_a_read_go_and_commits_the_question_first(city: Running) -> None:
    read = described(received_at=rfc3339(now_us() + 300 * SECOND_US))
    found = ask(city, read, authority=CT)
    assert found.status_code == 200, found.text
    assert found.headers["cache-control"] == "no-store"
    body = found.json()
    (item,) = body["answers"]
    assert (item["authority"], item["allowed"], item["reason"]) == (f"{CT}@1", True, None)
    assert item["fields"] == ["plate", "time", "place", "patch-image", "overview-image"]
    assert "the camera `ccz-0001` of `tfl` is in its group `ccz-boundary`" in item["words"][0]
    assert "signed by" in item["words"][1]
    assert (body["late"], body["notes"], body["as_of_entry"]) == (True, [], None)
    asked = until(lambda: facts(city, "why"))[0]
    assert (asked["by"], asked["source"], asked["camera"]) == (london.OVERSEER, "tfl", "ccz-0001")
    assert (asked["authority"], asked["captured_at"], asked["plate"]) == (CT, read["captured_at"], False)
    assert "as_of" not in asked


def test_a_recipient_is_asked_about_as_a_whole(city: Running) -> None:
    assert [item["authority"] for item in ask(city, described(), recipient=UNIT).json()["answers"]] == [
        f"{CT}@1"
    ]
    nobody = ask(city, described(), recipient="met/nobody").json()
    assert nobody["answers"] == []
    assert "met/nobody" in nobody["notes"][0]
    assert answered(city, described("ccz-9999"), authority=CT)["reason"] == "unknown-camera"
    assert answered(city, described(), authority="nobody")["reason"] == "no-authority"


def test_it_answers_as_of_past_moments(city: Running) -> None:
    read = described()
    first = entry_now(city)
    first_at = rfc3339(now_us())
    stopped = submit(city, act("suspension", CT, "why-1"), "ico/commissioner")
    assert stopped.status_code == 201, stopped.text
    suspension = stopped.json()["entry"]
    between = entry_now(city)
    listed = [camera | {"groups": []} for camera in london.cameras(8)]
    assert (
        request("PUT", f"{city.url}/v1/cameras", json=listed, headers=bearer(city, SOURCE)).status_code == 200
    )
    lifted = submit(city, act("resumption", CT, "why-2", suspension="why-1"), *RESUMING)
    assert lifted.status_code == 201, lifted.text
    try:
        for moment, reason in (
            ({"as_of_entry": first}, None),
            ({"as_of": first_at}, None),
            ({"as_of_entry": suspension - 1}, None),
            ({"as_of_entry": suspension}, "suspended"),
            ({"as_of_entry": between}, "suspended"),
            ({"as_of_entry": lifted.json()["entry"]}, "out-of-scope"),
            ({}, "out-of-scope"),
            ({"as_of_entry": 0}, "no-authority"),
        ):
            item = answered(city, read, authority=CT, **moment)
            assert item["reason"] == reason, moment
        words = answered(city, read, authority=CT, as_of_entry=between)["words"][0]
        assert f"by the suspension `why-1` (entry {suspension}, signed by ico/commissioner)" in words
        notes = ask(city, read, authority=CT, as_of_entry=between).json()["notes"]
        assert "Whether a feed was full then is not kept" in notes[0]
        until(lambda: [fact for fact in facts(city, "why") if "as_of" in fact])
    finally:
        request("PUT", f"{city.url}/v1/cameras", json=london.cameras(8), headers=bearer(city, SOURCE))


def test_moments_that_never_were_are_refused(city: Running) -> None:
    for moment, words in (
        ({"as_of_entry": 10**9}, "there is no entry"),
        ({"as_of_entry": -1}, "there is no entry"),
        ({"as_of": rfc3339(now_us() + DAY_US)}, "lies ahead"),
        ({"as_of": "2007-07-17T00:00:00Z"}, "no charter was in force then"),
    ):
        found = ask(city, described(), authority=CT, **moment)
        assert (found.status_code, found.json()["code"]) == (404, "unknown-moment")
        assert words in found.json()["detail"]


def test_a_list_decides_and_one_of_a_past_moment_is_not_kept(city: Running) -> None:
    assert submit(city, DESK.draft(city.at_us), *DESK.signers).status_code == 201
    with client(city, DESK.reader) as desk:

        def put(plate: str) -> None:
            expires_at = rfc3339(now_us() + DAY_US)
            entry = {
                "plate": plate,
                "kind": DESK.kinds[0],
                "priority": 1,
                "reason": "wanted",
                "expires_at": expires_at,
            }
            assert desk.put(f"/v1/hotlists/{VOI}", json=[entry]).status_code == 200

        put(PLATE)
        listed = entry_now(city)
        read = described(plate=PLATE)
        for moment in ({}, {"as_of_entry": listed + 1}):
            until(lambda: len(entries(city.url)) > listed + 1)
            item = answered(city, read, authority=VOI, **moment)
            assert (item["allowed"], item["listed"]) == (True, True)
        unasked = answered(city, described(), authority=VOI)
        assert (unasked["allowed"], unasked["listed"]) == (None, None)
        assert answered(city, described(plate=OTHER), authority=VOI)["reason"] == "not-listed"
        put(OTHER)
        unkept = answered(city, read, authority=VOI, as_of_entry=listed + 1)
        assert (unkept["allowed"], unkept["listed"]) == (None, None)
        assert "not kept in the clear" in unkept["words"][-1]
    asked = until(lambda: [fact for fact in facts(city, "why") if fact.get("authority") == VOI])
    assert {fact["plate"] for fact in asked} == {True, False}
    text = json.dumps(facts(city, "why"))
    assert PLATE not in text
    assert PLATE.encode() not in city.log.read_bytes()


BAD: tuple[tuple[Any, dict[str, Any]], ...] = (
    ("no read", {"authority": CT}),
    ({}, {"authority": CT}),
    ({"source": "tfl", "camera": "ccz-0001", "captured_at": PLATE}, {"authority": CT}),
    ({"source": "tfl", "camera": "ccz-0001", "captured_at": "2026-07-08T12:00:00"}, {"authority": CT}),
    (described(received_at=PLATE), {"authority": CT}),
    (described(plate="?!"), {"authority": CT}),
    (described(plate=7), {"authority": CT}),
    (described(**{PLATE: "x"}), {"authority": CT}),
    (described(), {}),
    (described(), {"authority": CT, "recipient": UNIT}),
    (described(), {"authority": f"{PLATE} "}),
    (described(), {"recipient": PLATE}),
    (described(f"{PLATE}\n"), {"authority": CT}),
    (described(source=PLATE), {"authority": CT}),
    (described(), {"authority": CT, "as_of": PLATE}),
    (described(), {"authority": CT, "as_of_entry": PLATE}),
    (described(), {"authority": CT, "as_of_entry": 1, "as_of": "2026-07-08T12:00:00Z"}),
    (described(), {"authority": CT, PLATE: 1}),
)


def test_what_cannot_be_read_is_refused_without_being_repeated(city: Running) -> None:
    for read, more in BAD:
        found = ask(city, read, **more)
        assert (found.status_code, found.json()["code"]) == (400, "malformed"), (read, more)
        assert PLATE not in found.text
    headers = bearer(city, OVERSEER)
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        found = request("POST", f"{city.url}/v1/why", content=body, headers=headers)
        assert found.status_code in {400, 413}
    for name in city.tokens:
        if name != OVERSEER:
            assert ask(city, described(), token=name, authority=CT).json()["code"] == "not-entitled"


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_says_it_in_words(city: Running, tmp_path: Path) -> None:
    token = secret_file(tmp_path / "token", city.tokens[OVERSEER])
    read = tmp_path / "read.json"
    read.write_text(json.dumps({"read": {**described(), "confidence": 0.9}}))
    asking = ("why", "--read", read, "--from", city.url, "--token-file", token)
    done = wicketgate(*asking, "--authority", CT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("A read of camera ccz-0001 of tfl, captured at ")
    assert f"{CT}@1: allowed\n  `{CT}@1` lets it go" in done.stdout
    past = wicketgate(*asking, "--recipient", UNIT, "--as-of", "0", "--json")
    assert past.returncode == 0, past.stderr
    assert json.loads(past.stdout)["as_of_entry"] == 0
    assert json.loads(past.stdout)["answers"] == []
    then = wicketgate(*asking, "--authority", CT, "--as-of", "2007-07-17T00:00:00Z")
    assert then.returncode == 1
    assert then.stderr.startswith("wicketgate: ")
    assert then.stderr.endswith(" [unknown-moment]\n")


def test_the_command_refuses_what_it_cannot_send(city: Running, tmp_path: Path) -> None:
    token = secret_file(tmp_path / "token", city.tokens[OVERSEER])
    asking = ("why", "--authority", CT, "--from", city.url, "--token-file", token, "--read")
    nothing = wicketgate(*asking, tmp_path / "nothing.json")
    assert nothing.returncode == 2
    assert "cannot read" in nothing.stderr
    for text in (f"[{PLATE}", f'["{PLATE}"]'):
        read = tmp_path / "read.json"
        read.write_text(text)
        done = wicketgate(*asking, read)
        assert done.returncode == 2
        assert "does not hold a read as JSON" in done.stderr
        assert PLATE not in done.stderr
    read.write_text(json.dumps(described()))
    away = wicketgate(
        "why", "--authority", CT, "--from", "http://127.0.0.1:9", "--token-file", token, "--read", read
    )
    assert away.returncode == 3
    assert "does not answer" in away.stderr
