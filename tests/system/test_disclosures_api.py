"""What recipients attest, of a running gateway: over real sockets, with the commands, and in figures that verify."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.matching import CHARGING as CHARGING_UNIT
from tests.matching import OTHER_UNIT, OWN, Desk, MovableClock
from tests.matching import make as make_desk
from tests.matching import until as until_async
from tests.running import (
    CHARGING,
    MET,
    OVERSEER,
    SOURCE,
    act,
    arrived,
    client,
    get,
    now_us,
    plates,
    post,
    read,
    secret_file,
    submit,
    until,
    wicketgate,
)
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.gateway.node import Gateway
from wicketgate.http.app import build_app
from wicketgate.http.metrics import attested_metrics
from wicketgate_demo.world import london

PASSED_ON = "tfl-passed-on"
KEPT = london.CHARGING
ROWS = 15


def shown_often(charter: dict[str, Any]) -> None:
    charter["limits"] |= {"figures_every": "PT2S", "small_cells": 10}
    charter["consultations"][0]["onward"] = ["met"]


@pytest.fixture(scope="module")
def city() -> Iterator[Running]:
    """A gateway with an authority whose rows may be passed on to the police, and rows under it and another."""
    with gateway(12, change=shown_often) as running:
        document = london.charging_authority(running.at_us)
        document["authority"] |= {"name": PASSED_ON, "onward": ["met"]}
        answer = submit(running, document, *london.SIGNERS[london.CHARGING])
        assert answer.status_code == 201, answer.text
        # What is in force begins with its commit: nothing captured before it is released.
        seen = plates(ROWS, 5)
        until(lambda: bool(released(running, seen)))
        yield running


def released(running: Running, seen: list[str]) -> bool:
    post(running, [read(plate) for plate in seen])
    arrived(running, PASSED_ON, seen)
    arrived(running, KEPT, seen)
    return True


def disclose(running: Running, name: str = CHARGING, **said: Any) -> httpx.Response:
    with client(running, name) as unit:
        given = {"authority": PASSED_ON, "to": "met", "law": "Data Protection Act 2018, s.31", "rows": 12}
        return unit.post("/v1/disclosures", json=given | said)


def attest(running: Running, name: str = CHARGING, **said: Any) -> httpx.Response:
    with client(running, name) as unit:
        given = {"authority": PASSED_ON, "method": "purged", "by": "information manager"}
        return unit.post("/v1/receipts", json=given | {"deleted_until": rfc3339(now_us() - SECOND_US)} | said)


def listed(running: Running, path: str, name: str = CHARGING, **query: Any) -> list[dict[str, Any]]:
    with client(running, name) as caller:
        answer = caller.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        [found] = answer.json().values()
        return list(found)


def sums(running: Running, member: str) -> list[Any]:
    figures = get(f"{running.url}/register.json").json()["targeting"]
    return [period[member] for period in figures if period[member]]


def passed_on(running: Running) -> list[int | None]:
    """Return the rows passed on to the Met, period by period, in steps of ten."""
    return [one[PASSED_ON]["met"] for one in sums(running, "disclosures") if PASSED_ON in one]


# --- disclosures ----------------------------------------------------------------------------------------------


def test_a_disclosure_is_recorded_listed_published_and_told_once(city: Running) -> None:
    answer = disclose(city, id="d-1", case="case 7", reason="asked in writing")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["id"], told["version"], told["status"]) == ("d-1", 1, "in-force")
    assert disclose(city, id="d-1").json() == told
    assert disclose(city, id="d-1", version=1, reason="otherwise put").json() == told
    conflict = disclose(city, id="d-1", rows=13)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "id-conflict")
    [found] = listed(city, "/v1/disclosures", authority=PASSED_ON, limit=1)
    assert found["commit"] == told["commit"]
    assert (found["authority"], found["to"], found["rows"], found["refused"]) == (
        f"{PASSED_ON}@1",
        "met",
        12,
        False,
    )
    assert found["unit"] == CHARGING.removeprefix("recipient:")
    assert not {"case", "reason"} & set(found)
    until(lambda: 10 in passed_on(city))


def test_an_attempt_that_onward_does_not_allow_is_refused_recorded_and_counted(city: Running) -> None:
    for authority, to in ((PASSED_ON, "home-office"), (KEPT, "met"), (PASSED_ON, "tfl")):
        answer = disclose(city, authority=authority, to=to, rows=987_654_321, id=f"no-{to}")
        assert (answer.status_code, answer.json()["code"]) == (422, "onward-not-allowed")
        assert (
            disclose(city, authority=authority, to=to, rows=987_654_321, id=f"no-{to}").json()
            == answer.json()
        )
        [found] = listed(city, "/v1/disclosures", authority=authority, limit=1)
        assert (found["id"], found["commit"]) == (answer.json()["id"], answer.json()["commit"])
        assert found["refused"]
    until(lambda: {PASSED_ON, KEPT} <= {name for one in sums(city, "disclosures_refused") for name in one})
    register = get(f"{city.url}/register.json").text
    assert "987654321" not in register


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"rows": 10**6}, "more-than-released"),
        ({"at": "2001-01-01T00:00:00Z"}, "more-than-released"),
        ({"at": rfc3339(now_us() + DAY_US)}, "clock-ahead"),
        ({"version": 2}, "malformed"),
        ({"version": 0}, "malformed"),
        ({"rows": 0}, "malformed"),
        ({"rows": 2**60}, "malformed"),
        ({"rows": "12"}, "malformed"),
        ({"law": " "}, "malformed"),
        ({"law": "a\nb"}, "malformed"),
        ({"law": "x" * 201}, "malformed"),
        ({"to": ""}, "malformed"),
        ({"to": "x" * 65}, "malformed"),
        ({"reason": "x" * 1001}, "malformed"),
        ({"at": "yesterday"}, "malformed"),
        ({"id": "a b"}, "malformed"),
        ({"more": 1}, "malformed"),
    ],
)
def test_a_disclosure_that_cannot_be_is_not_recorded(city: Running, said: dict[str, Any], code: str) -> None:
    before = listed(city, "/v1/disclosures")
    answer = disclose(city, **said)
    assert answer.json()["code"] == code
    assert answer.status_code == (400 if code == "malformed" else 422)
    assert listed(city, "/v1/disclosures") == before


def test_bodies_that_are_no_disclosures(city: Running) -> None:
    with client(city, CHARGING) as unit:
        for body in (b"", b"{}", b"[]", b"\xff", b"[" * 9000):
            answer = unit.post("/v1/disclosures", content=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert unit.post("/v1/receipts", content=b"x" * 20_000).status_code == 413


def test_nobody_tells_of_what_is_anothers(city: Running) -> None:
    for name in (PASSED_ON, "nothing"):
        for answer in (disclose(city, MET, authority=name), attest(city, MET, authority=name)):
            assert (answer.status_code, answer.json()["code"]) == (403, "not-entitled")
        with client(city, MET) as unit:
            for path in ("/v1/disclosures", "/v1/receipts"):
                assert unit.get(path, params={"authority": name}).status_code == 403
    for name in (SOURCE, OVERSEER, "admin"):
        assert disclose(city, name).status_code == attest(city, name).status_code == 403
    assert all(one["unit"] == MET.removeprefix("recipient:") for one in listed(city, "/v1/receipts", MET))


def test_an_overseer_sees_what_every_unit_told(city: Running) -> None:
    assert disclose(city, id="d-seen").status_code == 201
    assert listed(city, "/v1/disclosures", OVERSEER)[0]["id"] == "d-seen"
    assert listed(city, "/v1/disclosures", OVERSEER, authority="nothing") == []
    owed = {one["authority"] for one in listed(city, "/v1/receipts", OVERSEER)}
    assert {PASSED_ON, KEPT, london.COUNTER_TERRORISM} <= owed


# --- receipts -------------------------------------------------------------------------------------------------


def test_a_receipt_counts_until_midnight_and_never_goes_back(city: Running) -> None:
    now = now_us()
    answer = attest(city, deleted_until=rfc3339(now - SECOND_US), rows=3)
    assert answer.status_code == 201, answer.text
    assert answer.json()["counts_until"] == rfc3339((now - SECOND_US) // DAY_US * DAY_US)
    back = attest(city, deleted_until=rfc3339(now - 2 * SECOND_US))
    assert (back.status_code, back.json()["code"]) == (409, "already-attested")
    ahead = attest(city, deleted_until=rfc3339(now_us() + DAY_US))
    assert (ahead.status_code, ahead.json()["code"]) == (422, "clock-ahead")
    for wrong in ({"by": ""}, {"method": None}, {"rows": -1}, {"deleted_until": "2026"}):
        assert attest(city, **wrong).json()["code"] == "malformed"
    [owed] = listed(city, "/v1/receipts", authority=PASSED_ON)
    assert (owed["missing"], owed["overdue_rows"]) == (False, 0)
    assert owed["attested"][0]["rows"] == 3
    assert owed["attested"][0]["by"] == "information manager"


def test_the_commands_tell_the_same(city: Running, tmp_path: Path) -> None:
    token = secret_file(tmp_path / "token", city.tokens[CHARGING])
    common = ("--from", city.url, "--token-file", token)
    law = ("--law", "an Act", "--rows", 11)
    done = wicketgate("disclose", PASSED_ON, *common, "--to", "met", *law, "--id", "d-command")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["id d-command", "version 1, in-force"]
    refused = wicketgate("disclose", KEPT, *common, "--to", "met", *law)
    assert refused.returncode == 1
    assert refused.stderr.endswith(" [onward-not-allowed]\n")
    shown = wicketgate("attest", KEPT, *common)
    assert shown.returncode == 0, shown.stderr
    assert "missing_since none" in shown.stdout
    until_now = ("--until", rfc3339(now_us() - SECOND_US))
    assert wicketgate("attest", KEPT, *common, *until_now).returncode == 2
    attested = wicketgate("attest", KEPT, *common, *until_now, "--method", "purged", "--by", "manager")
    assert attested.returncode == 0, attested.stderr
    assert attested.stdout.startswith("counts_until ")


# --- what anybody may check -----------------------------------------------------------------------------------


def test_the_log_with_all_of_it_verifies_and_the_pages_say_it(city: Running, tmp_path: Path) -> None:
    assert disclose(city, rows=14).status_code == 201
    until(lambda: any(passed_on(city)))
    key = tmp_path / "log.key"
    key.write_text(get(f"{city.url}/log/key").text)
    done = wicketgate("verify", city.url, "--key", key)
    assert done.returncode == 0, done.stdout
    page = get(f"{city.url}/authorities/{PASSED_ON}/1").text
    assert "What became of it with its recipient" in page
    assert "rows to Metropolitan Police" in page
    assert "What left our sight" in get(f"{city.url}/figures").text
    with client(city, "admin") as admin:
        metrics = admin.get("/metrics").text
    assert f'wicketgate_disclosed_rows_total{{authority="{PASSED_ON}",to="met"}}' in metrics
    assert f'wicketgate_receipt_missing{{authority="{PASSED_ON}"}} 0.0' in metrics


def test_that_an_authority_has_ended_ends_nobodys_duty_to_tell(city: Running) -> None:
    """Last: it revokes the authority."""
    signers = london.SIGNERS[london.CHARGING]
    assert submit(city, act("revocation", PASSED_ON, "r-1"), *signers).status_code == 201
    answer = disclose(city)
    assert (answer.status_code, answer.json()["status"]) == (201, "revoked")
    assert attest(city).status_code == 201
    assert listed(city, "/v1/disclosures", limit=1)[0]["status"] == "revoked"


# --- what is missing ------------------------------------------------------------------------------------------


async def test_a_receipt_that_does_not_come_is_an_alarm_until_it_does(tmp_path: Path, swept: None) -> None:
    desk = await Desk.start(await asyncio.to_thread(make_desk, tmp_path / "d"))
    await desk.read("AB12CDE")

    async def left() -> bool | None:
        answer = await desk.call(CHARGING_UNIT, "GET", "/v1/feeds")
        return any(one["authority"] == OWN and one["batches"] for one in answer.json()["feeds"]) or None

    await until_async(left)
    clock = MovableClock()
    # The period in which it left ends with the first start, and the retention long before the second.
    for away_us in (20 * SECOND_US, 500 * DAY_US):
        await desk.stop()
        clock.shift_us += away_us
        desk.gateway = await Gateway.start(load_settings(tmp_path / "d"), clock)
        await asyncio.sleep(0.01)  # its tasks begin
    try:
        desk.app = build_app(desk.gateway)
        [owed] = (await desk.call(CHARGING_UNIT, "GET", f"/v1/receipts?authority={OWN}")).json()["receipts"]
        assert owed["missing"]
        assert owed["missing_since"] < rfc3339(clock.now_us())
        assert owed["overdue_rows"] == 0  # at least: there was one row, and the figures do not show it
        missing = {one.name: one for one in _metrics(desk.gateway)}["wicketgate_receipt_missing"]
        assert {sample.labels["authority"]: sample.value for sample in missing.samples}[OWN] == 1.0
        shown = desk.gateway.commits.committed.periods[-1].figures["receipts"][OWN]
        assert shown["missing"]
        said = {"deleted_until": rfc3339(clock.now_us()), "method": "purged", "by": "manager"}
        answer = await desk.call(CHARGING_UNIT, "POST", "/v1/receipts", json={"authority": OWN, **said})
        assert answer.status_code == 201, answer.text
        [owed] = (await desk.call(CHARGING_UNIT, "GET", f"/v1/receipts?authority={OWN}")).json()["receipts"]
        assert not owed["missing"]
        other = (await desk.call(OTHER_UNIT, "GET", "/v1/receipts")).json()["receipts"]
        assert OWN not in {one["authority"] for one in other}
    finally:
        await desk.stop()


def _metrics(running: Gateway) -> list[Any]:
    return attested_metrics(running.commits.committed, running.clock.now_us())
