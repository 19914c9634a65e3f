"""What of a list ends or must be reviewed is told to the list's own unit; what stops an authority, to all concerned."""

from __future__ import annotations

import msgspec

from tests.matching import CHARGING, SOURCE, UNIT, WANTED, Desk, vehicle
from tests.simulator import OWN_SIGNERS
from tests.vectors import make_documents as documents
from wicketgate.alerts.rules import NO_RULES
from wicketgate.alerts.watch import unfit_events
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.signing import dump_envelope
from wicketgate.regime.documents.document import sign_document

OTHERS = ("recipient:tfl/charging", "office:met/serious-crime", "source:tfl")


async def test_a_lists_own_review_dates_are_told_to_its_unit_alone(desk: Desk) -> None:
    now_us = desk.clock.now_us()
    rules = dict.fromkeys((UNIT, *OTHERS), NO_RULES)

    async def told(days: float) -> list[tuple[str, str, int, str]]:
        at_us = now_us + int(days * DAY_US)
        events = await desk.gateway.alerting._due_of_lists(rules, at_us)
        return [(event.who, event.kind, event.priority, event.id) for event in events]

    assert await told(0) == []
    ends = [now_us + 20 * DAY_US, now_us + 20 * DAY_US + 1_000_000, now_us + 25 * DAY_US]
    await desk.list_vehicles(
        *(
            vehicle(plate, expires_at=rfc3339(at_us))
            for plate, at_us in zip(("AB12CDE", "KK55KKK", "ZZ99ZZZ"), ends, strict=True)
        )
    )
    assert await told(0) == []
    [near] = await told(7)
    assert near[:3] == (UNIT, "review", 3)
    assert WANTED in near[3]
    assert await told(8) == [near], "the same event: it is told once"
    [last] = await told(19.5)
    assert last[:3] == (UNIT, "review", 2)
    [later] = await told(20.5)
    assert later[3] not in {near[3], last[3]}
    assert await told(26) == []


async def test_a_list_that_cannot_be_relied_on_is_an_alert_and_a_metric(desk: Desk) -> None:
    document = documents.changed(
        documents.example("authority-unlisted"), documents.put("scope.groups", ["ccz-boundary"])
    )
    signed = sign_document(document, documents.keys_of(OWN_SIGNERS))
    await desk.gateway.filing.submit(dump_envelope(signed))
    alerting, commits = desk.gateway.alerting, desk.gateway.commits

    def unfit() -> dict[str, dict[str, str]]:
        return {name: dict(lists) for name, lists in alerting.unfit_lists(desk.clock.now_us()).items()}

    [(name, lists)] = unfit().items()
    assert set(lists.values()) == {"missing"}
    moment = commits.committed_at(desk.clock.now_us())
    whos = (CHARGING, SOURCE, UNIT)
    events = list(unfit_events(moment, unfit(), whos))
    assert {event.who for event in events} == {CHARGING, SOURCE}, "those whom it concerns"
    assert {event.kind for event in events} == {"deadline"}
    assert len({(event.who, event.id) for event in events}) == len(events) == 2 * len(lists)
    assert all(name in event.words and "missing" in event.words for event in events)
    kind = min(lists)
    desk.tokens["admin"] = await desk.gateway.tokens.issue_token("admin")
    said = (await desk.call("admin", "GET", "/metrics")).text
    assert f'wicketgate_list_unfit{{authority="{name}"}} {float(len(lists))}' in said
    stay = [vehicle("AB12CDE", kind=kind)]
    answer = await desk.call(
        CHARGING,
        "PUT",
        f"/v1/hotlists/{name}",
        content=b"".join(msgspec.json.encode(one) + b"\n" for one in stay),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    assert unfit()[name][kind] == "too-few"
    assert list(unfit_events(moment, {name: {}}, whos)) == []
