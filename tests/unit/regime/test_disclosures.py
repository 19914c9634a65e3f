"""What recipients attest: when a deletion is due, what is missing, and how both are published and checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made_gateway import FEED, SIGNERS, World, charter
from tests.simulator import OWN, document_transaction
from tests.unit.commits.test_state import unsigned
from tests.unit.commits.test_writer import Office
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.periods import parse_period
from wicketgate.base.signing import canonical
from wicketgate.clients.verify import verify_folder
from wicketgate.clients.verify.attested import Attested
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import FeedBatch, Transaction
from wicketgate.gateway.filing.disclosures import DisclosureFiling, DisclosureSaid
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import (
    DISCLOSURES_KEPT,
    GRACE_US,
    RECEIPTS_KEPT,
    Held,
    deletion_due,
    demand_disclosure,
    demand_receipt,
    owed_at,
    published,
    receipt_counts,
    rows_left,
)
from wicketgate.regime.obligations.values import Disclosure, Receipt
from wicketgate.regime.publishing import rows_owed

AT_US = parse_rfc3339("2026-07-08T12:00:00Z")
TO = "home-office"


def receipt(until_us: int, name: str = FEED, at_us: int = AT_US) -> Receipt:
    return Receipt(
        authority=name,
        deleted_us=until_us,
        until_us=until_us,
        method="purged",
        by="manager",
        said_us=at_us,
        commit=1,
    )


def disclosure(
    number: int, *, rows: int = 12, refused: bool = False, name: str = FEED, **more: Any
) -> Disclosure:
    given: dict[str, Any] = {
        "id": f"d{number}",
        "authority": name,
        "version": 1,
        "to": TO,
        "law": "an Act",
        "rows": rows,
        "made_us": AT_US,
        "said_us": AT_US,
        "status": "in-force",
        "commit": number,
        "refused": refused,
    }
    return Disclosure(**given | more)


# --- when a deletion is due -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "retentions", "due"),
    [
        ("2026-07-08T12:00:00Z", ["P28D"], "2026-08-06T12:00:00Z"),
        ("2026-01-31T00:00:00Z", ["P1M"], "2026-03-01T00:00:00Z"),
        ("2026-07-08T12:00:00Z", ["PT60S"], "2026-07-09T12:01:00Z"),
        ("2026-07-08T12:00:00Z", ["P7D", "P28D"], "2026-08-06T12:00:00Z"),
    ],
)
def test_a_deletion_is_due_a_day_after_the_longest_retention(
    until: str, retentions: list[str], due: str
) -> None:
    assert rfc3339(deletion_due(parse_rfc3339(until), map(parse_period, retentions))) == due


def test_what_is_due_and_not_attested_is_missing_since_then() -> None:
    held = Held()
    assert published(owed_at(held, AT_US)) == {
        "attested_until": None,
        "due_until": None,
        "missing": False,
        "missing_since": None,
        "overdue_rows": 0,
    }
    held.close(AT_US, AT_US + 2 * DAY_US, 40)
    before = owed_at(held, AT_US + 2 * DAY_US - 1)
    assert (before.missing_us, before.due_until_us, before.overdue_rows) == (None, None, 0)
    assert before.next is not None
    assert (before.next.until_us, before.next.due_us, before.next.rows) == (AT_US, AT_US + 2 * DAY_US, 40)
    then = owed_at(held, AT_US + 2 * DAY_US)
    assert (then.missing_us, then.due_until_us, then.overdue_rows, then.next) == (
        AT_US + 2 * DAY_US, AT_US, 40, None,
    )  # fmt: skip
    held.take_receipt(receipt(AT_US - 1))
    assert owed_at(held, AT_US + 2 * DAY_US).missing_us == AT_US + 2 * DAY_US
    held.take_receipt(receipt(AT_US))
    attested = owed_at(held, AT_US + 2 * DAY_US)
    assert (attested.missing_us, attested.due_until_us, attested.attested_us) == (None, AT_US, AT_US)
    held.close(AT_US + 3 * DAY_US, None, None)
    assert held.left == []
    assert owed_at(held, AT_US + 9 * DAY_US).due_until_us == AT_US


def test_a_receipt_that_comes_early_is_kept_until_it_is_due() -> None:
    held = Held()
    held.close(AT_US, AT_US + 2 * DAY_US, 40)
    held.take_receipt(receipt(AT_US))
    held.close(AT_US + HOUR_US, None, None)
    assert len(held.left) == 1
    assert owed_at(held, AT_US + 2 * DAY_US).due_until_us == AT_US
    assert owed_at(held, AT_US + 2 * DAY_US).missing_us is None


def test_what_is_suppressed_makes_the_overdue_rows_unknown() -> None:
    held = Held()
    for hour, rows in enumerate([40, None, 12]):
        held.close(AT_US + hour * DAY_US, AT_US + (hour + 2) * DAY_US, rows)
    assert owed_at(held, AT_US + 2 * DAY_US).overdue_rows == 40
    assert owed_at(held, AT_US + 5 * DAY_US).overdue_rows is None
    held.take_receipt(receipt(AT_US + DAY_US))
    assert owed_at(held, AT_US + 5 * DAY_US).overdue_rows == 12


def test_rows_that_come_again_have_left_too() -> None:
    figures = {"released": {"a": 12, "b": 0, "c": None, "d": 0}, "again": {"a": 10, "b": 20, "e": None}}
    assert rows_left(figures) == {"a": 22, "b": 20, "c": None, "e": None}


def test_a_receipt_never_takes_another_back() -> None:
    held = Held()
    held.take_receipt(receipt(AT_US))
    held.take_receipt(receipt(AT_US - HOUR_US))
    assert held.attested_us == AT_US


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[str, int, int | None]]:
    """Return what happens to one authority: periods that close, and receipts."""
    steps: list[tuple[str, int, int | None]] = []
    at_us = AT_US
    for _ in range(draw(st.integers(1, 25))):
        if draw(st.booleans()):
            steps.append(("receipt", receipt_counts(at_us - draw(st.sampled_from([0, DAY_US]))), None))
        else:
            at_us += draw(st.sampled_from([HOUR_US, 5 * HOUR_US, DAY_US, 3 * DAY_US]))
            steps.append(("period", at_us, draw(st.sampled_from([None, 0, 12, 400]))))
    return steps


@given(steps=lives(), retention_us=st.sampled_from([60 * SECOND_US, 2 * DAY_US, 28 * DAY_US]))
def test_nothing_that_is_due_is_overlooked_and_nobody_is_called_late_too_soon(
    steps: list[tuple[str, int, int | None]], retention_us: int
) -> None:
    held, attested_us = Held(), 0
    left: dict[int, list[tuple[int, int, int | None]]] = {}
    for kind, at_us, rows in steps:
        if kind == "receipt":
            held.take_receipt(receipt(at_us))
            attested_us = max(attested_us, at_us)
            continue
        due_us = at_us + retention_us + GRACE_US
        held.close(at_us, None if rows == 0 else due_us, rows)
        if rows != 0:
            left.setdefault((at_us - 1) // DAY_US, []).append((at_us, due_us, rows))
        # All periods of a day are due with its last.
        due = [day for day in left.values() if day[-1][1] <= at_us]
        missing = [one for day in due for one in day if one[0] > attested_us]
        standing = owed_at(held, at_us)
        assert (standing.missing_us is not None) == bool(missing)
        assert standing.due_until_us == max((day[-1][0] for day in due), default=None)
        cells = [one[2] for one in missing]
        assert standing.overdue_rows == (None if None in cells else sum(rows or 0 for rows in cells))
        owed = [day for day in left.values() if day[-1][0] > attested_us or day[-1][1] > at_us]
        assert len(held.left) == len(owed)
        assert load_state(dump_state(State(held={FEED: held}))).held[FEED] == held


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"rows": 40}, None),
        ({"rows": 41}, "more-than-released"),
        ({"made_us": AT_US + 1}, "clock-ahead"),
        ({"made_us": AT_US - DAY_US}, None),
        ({"made_us": AT_US - DAY_US - 1}, "more-than-released"),
        ({"from_us": AT_US + 1}, "more-than-released"),
    ],
)
def test_a_disclosure_that_cannot_be(changed: dict[str, int], code: str | None) -> None:
    given = {
        "rows": 12,
        "released": 40,
        "made_us": AT_US,
        "from_us": AT_US - DAY_US,
        "at_us": AT_US,
        "version": 1,
    }
    if code is None:
        demand_disclosure(**given | changed)
        return
    with pytest.raises(InputError) as refused:
        demand_disclosure(**given | changed)
    assert refused.value.code == code


def test_a_receipt_that_cannot_be() -> None:
    demand_receipt(deleted_us=AT_US, attested_us=AT_US, at_us=AT_US)
    for changed, code in (
        ({"deleted_us": AT_US + 1}, "clock-ahead"),
        ({"attested_us": AT_US + 1}, "already-attested"),
    ):
        with pytest.raises(InputError) as refused:
            demand_receipt(**{"deleted_us": AT_US, "attested_us": 0, "at_us": AT_US} | changed)
        assert refused.value.code == code


# --- the fold -------------------------------------------------------------------------------------------------


def applied(*transactions: Transaction) -> State:
    state = State()
    for number, transaction in enumerate(transactions, 1):
        state.apply(transaction, number)
    return state


def test_disclosures_are_counted_by_authority_and_to_whom_and_the_refused_apart() -> None:
    told = [
        disclosure(1),
        disclosure(2, rows=30),
        disclosure(3, to="ico"),
        disclosure(4, refused=True, rows=999),
        disclosure(5, name="other", refused=True),
    ]
    state = applied(*(Transaction(at_us=AT_US, disclosure=one) for one in told))
    assert state.counts == state.totals
    assert state.totals.disclosures == {FEED: {TO: 42, "ico": 12}}
    assert state.totals.disclosures_refused == {FEED: 1, "other": 1}
    assert [one.id for one in state.held[FEED].disclosures] == ["d1", "d2", "d3", "d4"]
    assert load_state(dump_state(state)) == state


def test_the_fold_keeps_neither_case_nor_reason_and_only_the_last_ones() -> None:
    held = Held()
    for number in range(DISCLOSURES_KEPT + 3):
        held.take_disclosure(disclosure(number, case="a case", reason="a reason"))
        held.take_receipt(receipt(AT_US))
    assert [one.id for one in held.disclosures[:1]] == ["d3"]
    assert {(one.case, one.reason) for one in held.disclosures} == {("", "")}
    assert (len(held.disclosures), len(held.receipts)) == (DISCLOSURES_KEPT, RECEIPTS_KEPT)


def facts_of(desk: Office) -> list[dict[str, Any]]:
    return [json.loads(fact) for transaction in desk.transactions for fact in transaction.facts]


@settings(max_examples=40)
@given(
    told=st.lists(
        st.tuples(
            st.integers(1, 60),
            st.sampled_from([TO, "ico", "gchq"]),
            st.sampled_from([0, 1, 4_000_000, 11_000_000]),
        ),
        max_size=12,
    )
)
def test_the_figures_are_the_sums_of_the_facts(told: list[tuple[int, str, int]]) -> None:
    asyncio.run(live(told))


async def live(told: list[tuple[int, str, int]]) -> None:
    """Tell of disclosures through the real commits, across periods and a start; compare figures and facts."""
    desk = Office()
    desk.found()
    desk.commits.commit(
        lambda state, at_us, sequence: document_transaction(
            unsigned("authority-own-use", authority__onward=[TO, "ico"]), state.entries, at_us
        )
    )
    desk.commits.commit(
        lambda state, at_us, sequence: Transaction(
            at_us=at_us, batches=(FeedBatch(feed=OWN, number=1, rows=50, data=b"x"),)
        )
    )
    await desk.settle()
    attesting = DisclosureFiling(desk.commits)
    answered: list[Any] = []
    for number, (rows, to, step_us) in enumerate(told):
        desk.clock.at_us += step_us
        said = DisclosureSaid(authority=OWN, to=to, law="an Act", rows=rows, id=f"d{number // 2}")
        task = asyncio.ensure_future(attesting.disclose(said))
        await asyncio.sleep(0)
        await desk.settle()
        answered += await asyncio.gather(task, return_exceptions=True)
    later = Office(stream=desk.stream, at_us=desk.clock.at_us + 25 * SECOND_US)
    later.commits.start({})
    await later.settle()
    facts = [fact for fact in facts_of(desk) if fact["kind"] == "disclosure"]
    state = later.commits.committed
    sums: dict[str, int] = {}
    shown: dict[str, int] = {}
    for fact in facts:
        if not fact["refused"]:
            sums[fact["to"]] = sums.get(fact["to"], 0) + fact["rows"]
    assert state.totals.disclosures.get(OWN, {}) == sums
    assert state.totals.disclosures_refused.get(OWN, 0) == sum(fact["refused"] for fact in facts)
    assert {fact["refused"] for fact in facts if fact["to"] == "gchq"} <= {True}
    assert {fact["refused"] for fact in facts if fact["to"] != "gchq"} <= {False}
    assert len({fact["id"] for fact in facts}) == len(facts)
    recorded = {one.id for one in answered if isinstance(one, Disclosure)}
    assert recorded == {fact["id"] for fact in facts}
    for period in state.targeting_periods:
        assert period.figures["disclosures"][OWN].keys() == {TO, "ico"}
        for to, rows in period.figures["disclosures"][OWN].items():
            assert rows is None or (rows >= 10 and rows % 10 == 0)
            shown[to] = shown.get(to, 0) + (rows or 0)
    hidden = 9 * len(state.targeting_periods)
    assert all(shown[to] <= sums.get(to, 0) <= shown[to] + hidden for to in shown)
    assert later.commits.staged.held == state.held == desk.commits.committed.held | state.held


# --- what is published, and checked ---------------------------------------------------------------------------


def authority(retention: str = "PT1H", **puts: Any) -> dict[str, Any]:
    changes = {"authority.recipient_retention": retention, "authority.onward": [TO], **puts}
    return documents.changed(
        documents.example("authority"), *(documents.put(path, value) for path, value in changes.items())
    )


def lived(folder: Path) -> World:
    """Return a world in which rows left on two days, none was attested in time, and then the first day and all."""
    world = World(
        folder, founding=documents.changed(charter(), documents.put("consultations.1.onward", [TO]))
    )
    world.at_us += 200_000
    world.entry(kind="cameras", source="tfl", count=150, groups={"ccz-boundary": 150}, root="ab" * 32)
    world.document(authority(), SIGNERS)
    world.live(12, every=1)
    world.apply(disclosure=disclosure(1, rows=40))
    world.live(10, every=1)
    world.stop_and_start(DAY_US // SECOND_US)
    world.live(12, every=1)
    world.stop_and_start(3 * DAY_US // SECOND_US)
    world.live(12, every=30)
    world.apply(receipt=receipt(receipt_counts(AT_US) + DAY_US))
    world.apply(disclosure=disclosure(2, rows=12, refused=True))
    world.live(10, every=30)
    world.apply(receipt=receipt(receipt_counts(world.at_us)))
    world.live(12, every=30)
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = lived(tmp_path_factory.mktemp("attested") / "log")
    yield made
    made.close()


def receipts_of(world: World) -> list[dict[str, Any]]:
    return [period.figures["receipts"].get(FEED) for period in world.state.periods]


def test_a_missing_receipt_is_published_until_it_comes(world: World) -> None:
    told = receipts_of(world)
    assert [one["missing"] for one in told] == [False] * 4 + [True] * 3 + [False] * 2
    none, _, some, last = told[4], told[5], told[6], told[-1]
    assert (none["attested_until"], some["attested_until"]) == (None, "2026-07-09T00:00:00Z")
    assert none["due_until"] == some["due_until"] == last["due_until"] == "2026-07-09T12:00:30Z"
    # An hour's retention, and a day, after the end of the day's last period.
    assert none["missing_since"] == "2026-07-09T13:00:20Z"
    assert some["missing_since"] == "2026-07-10T13:00:30Z"
    released = [period.figures["released"].get(FEED) or 0 for period in world.state.periods]
    assert none["overdue_rows"] == sum(released[:4])
    assert some["overdue_rows"] == sum(released[2:4])
    assert (last["attested_until"], last["overdue_rows"]) == ("2026-07-12T00:00:00Z", 0)
    told = [period.figures for period in world.state.targeting_periods]
    assert {FEED: {TO: 40}} in [figures["disclosures"] for figures in told]
    assert all(figures["disclosures_refused"] == {FEED: None} for figures in told)


def test_a_log_with_disclosures_and_receipts_verifies(world: World) -> None:
    world.flush()
    report = verify_folder(world.folder)
    assert report.ok, [check.words for check in report.checked if not check.ok]


def faults_of(world: World, change: Callable[[list[dict[str, Any]]], object]) -> list[str]:
    """Return what `verify` finds in the figures of a world, some of which are changed."""
    figures = [json.loads(canonical(period.figures)) for period in world.state.periods]
    change(figures)
    chain = Attested()
    found: list[str] = []
    for body in figures:
        period = parse_rfc3339(body["from"]), parse_rfc3339(body["until"])
        moment = RegimeAt(world.state.regime, world.parsed, period[1])
        left = rows_owed(moment, body["released"], period[0])
        found += chain.take_receipts(body["receipts"], left, period, moment)
    return found


def missing_at(figures: list[dict[str, Any]]) -> dict[str, Any]:
    return next(body["receipts"][FEED] for body in figures if body["receipts"].get(FEED, {}).get("missing"))


def owing(figures: list[dict[str, Any]]) -> dict[str, Any]:
    return next(body for body in figures if FEED in body["receipts"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: missing_at(f).update(missing=False), "`missing` is shown as `False`"),
        (lambda f: missing_at(f).update(missing=1), "`missing` is shown as `1`"),
        (lambda f: missing_at(f).update(missing_since=None), "`missing_since` is shown as `None`"),
        (lambda f: missing_at(f).update(overdue_rows=12), "`overdue_rows` is shown as `12`"),
        (lambda f: missing_at(f).update(due_until=None), "`due_until` is shown as `None`"),
        (
            lambda f: missing_at(f).update(attested_until="2027-07-08T00:00:00Z"),
            "after the end of the period",
        ),
        (lambda f: missing_at(f).update(attested_until="2026-07-08T12:00:10Z"), "not midnight"),
        (lambda f: missing_at(f).update(attested_until="soon"), "not an RFC 3339 time"),
        (lambda f: missing_at(f).update(attested_until=7), "no time"),
        (lambda f: missing_at(f).update(attested_until="2026-07-08T00:00:00.0Z"), "not midnight"),
        (lambda f: missing_at(f).pop("missing"), "have not the members"),
        (lambda f: missing_at(f).update(more=1), "have not the members"),
        (lambda f: owing(f).update(receipts={}), "are not shown"),
        (lambda f: owing(f)["receipts"].update(nobody=owing(f)["receipts"][FEED]), "owes none"),
    ],
)
def test_what_is_published_otherwise_than_it_follows_is_found(
    world: World, change: Callable[[list[dict[str, Any]]], object], words: str
) -> None:
    assert faults_of(world, lambda figures: None) == []
    assert any(words in fault for fault in faults_of(world, change))


def test_an_attestation_that_goes_back_is_found(world: World) -> None:
    def change(figures: list[dict[str, Any]]) -> None:
        attested = [body for body in figures if body["receipts"].get(FEED, {}).get("attested_until")]
        attested[-1]["receipts"][FEED]["attested_until"] = None

    assert any("less far now" in fault for fault in faults_of(world, change))


def test_the_version_that_was_in_effect_says_when_it_is_due(tmp_path: Path) -> None:
    """Of two in one period the longer retention counts; in the next, that of the later version alone."""
    made = World(tmp_path / "log")
    made.at_us += 200_000
    made.document(authority("P7D"), SIGNERS)
    made.live(10, every=1)
    made.live(5, every=1)
    made.document(authority("PT1H", **{"authority.version": 2}), SIGNERS)
    made.live(5, every=1)
    dues = [made.state.held[FEED].left[-1].due_us]
    made.state.held[FEED].left.clear()
    made.live(10, every=1)
    dues.append(made.state.held[FEED].left[-1].due_us)
    made.close()
    closed = [parse_rfc3339(period.figures["until"]) for period in made.state.periods]
    assert dues == [closed[1] + 7 * DAY_US + GRACE_US, closed[2] + HOUR_US + GRACE_US]
