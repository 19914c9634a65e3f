"""The figures of closed months: shown by their sums in the register, in full by the month, and held to the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from tests.made_gateway import Served, World, changed_register, serve
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.verify import Report, verify_folder, verify_url
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.months import MonthsOfLog
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.merkle import root as tree_hash
from wicketgate.regime.figure_months import month_of

GAP_S = 20 * 86_400


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four months of figures, of which those before the last are closed."""
    world = made.standard(tmp_path_factory.mktemp("months") / "log")
    for number in range(5):
        world.stop_and_start(GAP_S)
        if number < 3:
            world.live(15)  # then its review is overdue
        else:
            for _ in range(15):
                world.close_second()
    world.flush()
    assert [month.month for month in world.state.months] == ["2026-07", "2026-08", "2026-09"]
    yield world
    world.close()


def verified(world: World, **lies: Any) -> Report:
    with serve(world) as gateway:
        for path, lie in lies.items():
            gateway.lies[path] = lie
        return verify_url(gateway.url)


def lied(world: World, path: str, change: Callable[[Any], object]) -> str:
    """Return the faults that `verify` finds where a gateway changes what it shows of a month."""

    def lie(served: Served, query: dict[str, list[str]]) -> tuple[int, bytes]:
        del served.lies[path]
        status, body = served.respond(path, query, "")
        served.lies[path] = lie
        shown = json.loads(body)
        change(shown)
        return status, json.dumps(shown).encode()

    return faults(verified(world, **{path: lie}))


def faults(report: Report) -> str:
    (check,) = (check for check in report.checked if not check.ok)
    assert check.name == "register"
    return "\n".join([check.words, *check.faults])


def test_what_is_shown_of_every_month_is_what_the_log_says(world: World) -> None:
    report = verified(world)
    assert report.ok, report.lines()
    assert report.counts["months"] == len(world.state.months)


def test_a_month_is_the_tree_hash_over_its_entries_and_their_sums(world: World) -> None:
    bodies = {n: parse_canonical(one) for n, one in enumerate(world.entries) if b'"kind":"figures"' in one}
    for month in world.register()["months"]:
        of_it = {n: body for n, body in bodies.items() if month_of(body["until"]) == month["month"]}
        assert month["periods"] == len(of_it)
        assert (month["first_entry"], month["last_entry"]) == (min(of_it), max(of_it))
        assert month["root"] == tree_hash([leaf_hash(world.entries[n]) for n in sorted(of_it)]).hex()
        for member in ("taken", "decided"):
            cells = [body[member] for body in of_it.values()]
            expected = {"sum": sum(cell or 0 for cell in cells), "hidden": cells.count(None)}
            assert month["sums"][member] == expected
    shown = {one["entry"] for one in world.register()["figures"]}
    assert shown == {n for n, body in bodies.items() if month_of(body["until"]) > "2026-09"}


def test_the_latest_day_is_always_shown(world: World) -> None:
    """A month is closed only once figures are published that end more than a day behind it."""
    months = MonthsOfLog()
    for index, (at, shown) in enumerate(
        [
            ("2026-07-31T23:00:00Z", {0}),
            ("2026-08-01T00:00:00Z", {0, 1}),
            ("2026-08-01T12:00:00Z", {0, 1, 2}),
            ("2026-08-02T00:00:00Z", {0, 1, 2, 3}),
            ("2026-08-02T01:00:00Z", {2, 3, 4}),
        ]
    ):
        months.take(index, {"from": at, "until": at}, b"")
        assert months.open(index + 1).keys() == shown
        assert months.open(index).keys() == (set(range(index)))
    assert [month.entries for month in months.closed(5)] == [(0, 1)]
    assert months.closed(4) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["months"].pop(1), "the figures of 2026-08 are not shown"),
        (lambda r: r["months"][1].update(root="0" * 64), "the figures of 2026-08 are shown otherwise"),
        (lambda r: r["months"][1].update(periods=1), "the figures of 2026-08 are shown otherwise"),
        (
            lambda r: r["months"][0]["sums"]["taken"].update(sum=1),
            "the figures of 2026-07 are shown otherwise",
        ),
        (lambda r: r["months"].reverse(), "`months` is out of its order"),
        (
            lambda r: r["months"].append(r["months"][0]),
            "2026-07 is shown as closed, and by the log it is not",
        ),
        (lambda r: r["months"].append(r["months"][0] | {"month": "2026-10"}), "2026-10 is shown as closed"),
        (lambda r: r["months"].append(7), "the month of no name is shown"),
        (lambda r: r.update(months={}), "`months` is not a list"),
        (lambda r: r["figures"].pop(0), "are not shown"),
    ],
)
def test_a_register_that_shows_a_month_otherwise_is_false(
    world: World, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with serve(world) as gateway:
        gateway.lies["/register.json"] = changed_register(change)
        assert words in faults(verify_url(gateway.url))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["figures"].pop(1), "of entry {} are not shown"),
        (lambda m: m["figures"][1].update(taken=99_999), "of entry {} are shown otherwise"),
        (lambda m: m["figures"].reverse(), "out of their order"),
        (lambda m: m["figures"].append(m["figures"][0]), "figures are shown that the log has not"),
        (lambda m: m.update(figures=7), "are not shown"),
        (lambda m: m.update(root="0" * 64), "is not that of the month and the root"),
        (lambda m: m.update(month="2026-07"), "is not that of the month and the root"),
    ],
)
def test_a_month_that_shows_figures_otherwise_is_false(
    world: World, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    second = world.state.months[1].entries[1]
    assert words.format(second) in lied(world, "/figures/2026-08.json", change)


def test_a_month_that_is_withheld_is_false_and_one_out_of_reach_is_not_looked_at(world: World) -> None:
    path = "/figures/2026-08.json"
    report = verified(world, **{path: lambda served, query: made.problem(404, "not-found")})
    assert "it is not shown, and the register names the month" in faults(report)
    assert not report.unreached
    report = verified(world, **{path: lambda served, query: made.problem(503, "starting")})
    assert report.unreached


def test_a_second_look_asks_for_what_is_new_and_one_month_by_chance(world: World, tmp_path: Path) -> None:
    kept = KeptCheckpoints(tmp_path / "state")
    with serve(world) as gateway:
        for whole, asked in ((False, 3), (False, 1), (True, 3)):
            gateway.asked.clear()
            report = verify_url(gateway.url, kept=kept, whole=whole)
            assert report.ok, report.lines()
            assert sum(path.startswith("/figures/") for path in gateway.asked) == asked
            said = any("the figures of 2 earlier months" in words for words in report.not_checked)
            assert said == (asked == 1)
        gateway.lies["/register.json"] = changed_register(lambda r: r["months"][0].update(periods=1))
        assert "the figures of 2026-07 are shown otherwise" in faults(verify_url(gateway.url, kept=kept))


def test_a_review_has_the_figures_of_closed_months_attached(tmp_path: Path) -> None:
    world = made.standard(tmp_path / "log")
    for _ in range(3):
        world.stop_and_start(GAP_S)
        world.live(15)
    assert world.state.months
    published = [one for one in world.entries if b'"kind":"figures"' in one]
    review = documents.changed(
        documents.example("review"),
        documents.put("review.reviewed_at", documents.rfc3339(world.at_us - DAY_US)),
    )
    entry = world.document(review)
    world.live(3)
    world.flush()
    try:
        report = verify_folder(world.folder)
        assert report.ok, report.lines()
        attached = parse_canonical(world.entries[entry])["figures"]
        assert attached["periods"] >= len(published) - 2
    finally:
        world.close()


def test_a_charter_that_publishes_by_the_month_has_one_period_a_month(tmp_path: Path) -> None:
    founding = documents.changed(made.charter(), documents.put("limits.figures_every", "P1M"))
    world = World(tmp_path / "log", founding=founding)
    world.at_us += 200_000
    world.document(
        documents.changed(documents.example("authority-own-use"), lambda d: d["scope"].pop("hours")),
        made.OWN_SIGNERS,
    )
    world.live(3)
    for _ in range(4):
        world.stop_and_start(GAP_S)
        for _ in range(3):
            world.close_second()
    world.flush()
    shown = [(one.figures["from"], one.figures["until"]) for one in world.state.periods]
    assert [month.month for month in world.state.months] == ["2026-07"]
    assert shown == [
        ("2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"),
    ]
    report = verify_folder(world.folder)
    assert report.ok, report.checked
    world.close()
