"""The form of a shown register."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.made_gateway import World, changed_register, consulted, serve
from tests.simulator import charter
from tests.unit.clients.test_verify_unbound import take, unbound
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.verify import Report, verify_url
from wicketgate.clients.verify.listed import CamerasListed, cameras_fault
from wicketgate.clients.verify.register import Register
from wicketgate.regime.documents.authority import Area, Scope
from wicketgate.regime.documents.fields import as_03_worded

OLD = Path(__file__).parents[2] / "fixtures" / "v03" / "register.json"


def shown(**members: Any) -> bytes:
    """Return the register of 0.3, with other members."""
    return json.dumps(json.loads(OLD.read_bytes()) | members).encode()


def test_that_of_0_3_says_none_and_is_read() -> None:
    assert Register(shown()).as_of_03


def test_that_of_this_version_is_read() -> None:
    assert not Register(shown(form=2)).as_of_03


def test_a_later_one_is_refused_with_both() -> None:
    with pytest.raises(InputError, match=r"`/register.json` is of form 4.* up to form 3"):
        Register(shown(form=4))


@pytest.mark.parametrize("form", [0, -1, True, "2", None, 2.0])
def test_what_is_no_form_is_refused(form: object) -> None:
    with pytest.raises(InputError, match="no number of a form"):
        Register(shown(form=form))


# --- beside a log -----------------------------------------------------------------------------------------------


@pytest.fixture
def young(tmp_path: Path) -> Iterator[World]:
    """A log of this version in which no figures are published yet."""
    world = World(tmp_path / "log")
    world.at_us += 200_000
    world.document(documents.example("authority"))
    world.live(2)
    world.flush()
    yield world
    world.close()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[World]:
    """A log of version 0.3: no document in it names its log, and no entry a form."""
    world = World(tmp_path / "log", founding=unbound("charter"))
    world.at_us += 200_000
    take(world, unbound("authority"), documents.CT_OFFICES)
    world.live(2)
    world.flush()
    yield world
    world.close()


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = consulted(tmp_path_factory.mktemp("eventful") / "log")
    yield world
    world.close()


def verified(world: World, change: Callable[[dict[str, Any]], object]) -> Report:
    with serve(world) as gateway:
        gateway.lies["/register.json"] = changed_register(change)
        return verify_url(gateway.url)


def as_of_03(register: dict[str, Any], *, stance: bool = False) -> None:
    """Take from a register what came after 0.3, and perhaps not the stances."""
    for member in ("form", "least_traffic", "months", "people", "schemes", "step", "targeting", "waivers"):
        register.pop(member)
    for member in ("witnesses", "witnessing"):
        register.pop(member)
    for authority in register["authorities"]:
        authority["stance"] = {"phase": "ended", "footing": "consulted", "by": ["c-2026-001"]}
        authority["words"] = list(map(as_03_worded, authority["words"]))
        authority.pop("custody")
        if not stance:
            authority.pop("stance")


def faults(report: Report) -> str:
    (check,) = (check for check in report.checked if not check.ok)
    assert check.name == "register"
    return "\n".join([check.words, *check.faults])


@pytest.mark.parametrize("stance", [False, True])
def test_the_log_says_that_a_register_is_not_of_0_3(young: World, stance: bool) -> None:
    words = faults(verified(young, lambda register: as_of_03(register, stance=stance)))
    assert "of the form that version 0.3 showed, and the log is of a later one from entry 0 on" in words
    assert "`stance` is not shown as it follows from the log" in words


@pytest.mark.parametrize(
    "operation",
    [
        {"operation": "start", "documents": 2},
        {"operation": "start", "entries": 2},
    ],
)
def test_a_form_that_a_start_says_is_enough(old: World, operation: dict[str, Any]) -> None:
    old.entry(kind="operation", **operation)
    old.close_second()
    old.flush()
    assert "of a later one from entry" in faults(verified(old, as_of_03))


def test_that_of_0_3_is_one_beside_a_log_of_0_3_and_has_no_stance(old: World) -> None:
    report = verified(old, as_of_03)
    assert report.ok, report.lines()
    words = faults(verified(old, lambda register: as_of_03(register, stance=True)))
    assert "`stance` is a member that the register has not in this form" in words


def test_that_of_0_3_may_have_come_just_before_the_upgrade(old: World) -> None:
    register = old.register()
    as_of_03(register)
    old.entry(kind="operation", operation="start", documents=2, entries=2)
    old.close_second()
    old.flush()
    report = verified(old, lambda shown: (shown.clear(), shown.update(register)))
    assert report.ok, report.lines()


def test_that_of_0_3_beside_an_old_checkpoint_is_none_long_behind_the_upgrade(old: World) -> None:
    register = old.register()
    as_of_03(register)
    old.entry(kind="operation", operation="start", documents=2, entries=2)
    for _ in range(15):
        old.close_second()
    old.flush()
    later = {**register, "as_of": rfc3339(old.at_us)}
    words = faults(verified(old, lambda shown: (shown.clear(), shown.update(later))))
    assert "of the form that version 0.3 showed" in words


@pytest.mark.parametrize(
    "where",
    [
        lambda r: r,
        lambda r: r["charter"],
        lambda r: r["charters"][0],
        lambda r: r["authorities"][0],
        lambda r: next(one for one in r["authorities"] if one["acts"])["acts"][0],
        lambda r: r["consultations"][0],
        lambda r: next(one for one in r["consultations"] if one["objections"])["objections"][0],
        lambda r: next(one["decision"] for one in r["consultations"] if one["decision"]),
    ],
    ids=["top", "charter", "charters", "authority", "act", "consultation", "objection", "decision"],
)
def test_a_member_that_the_register_invents_is_refused(
    eventful: World, where: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    words = faults(verified(eventful, lambda register: where(register).update(hits=0)))
    assert "`hits` is a member that the register has not in this form" in words


# --- numbers and kinds that nothing else says -------------------------------------------------------------------


def authority_of(register: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in register["authorities"] if one["cameras"])


CAMERAS: list[dict[str, Any]] = [
    {"cameras": 1_000_000_000},
    {"cameras": -1},
    {"cameras": "100"},
    {"cameras": None},
    {"cameras": True},
    {"cameras": 0},
    {"cameras_withheld": 50},
    {"cameras_withheld": -1},
    {"cameras_withheld": None},
    {"cameras": 99, "cameras_withheld": 1},
]


@pytest.mark.parametrize("members", CAMERAS)
def test_no_other_number_of_cameras_is_shown_than_sources_registered(
    eventful: World, members: dict[str, Any]
) -> None:
    words = faults(verified(eventful, lambda register: authority_of(register).update(members)))
    assert "`cameras` are shown and" in words


@pytest.mark.parametrize(
    ("scope", "cap", "shown", "fits"),
    [
        ({}, None, (150, 0), True),
        ({}, None, (149, 0), False),
        ({}, 100, (100, 50), True),
        ({}, 100, (99, 51), False),
        ({}, 100, (150, 0), False),
        ({}, 200, (150, 0), True),
        ({"groups": ("a", "b")}, None, (100, 0), True),
        ({"groups": ("a", "b")}, None, (130, 0), True),
        ({"groups": ("a", "b")}, None, (131, 0), False),
        ({"groups": ("a", "b")}, None, (99, 0), False),
        ({"area": True}, None, (0, 0), True),
        ({"area": True}, None, (151, 0), False),
        ({"sources": ("elsewhere",)}, None, (0, 0), True),
        ({"sources": ("elsewhere",)}, None, (1, 0), False),
    ],
)
def test_cameras_are_bounded_by_lists(
    scope: dict[str, Any], cap: int | None, shown: tuple[int, int], fits: bool
) -> None:
    known: dict[str, Any] = {"sources": ("tfl",), "groups": (), "hours": (), "fields": (), "area": None}
    area = Area(south=0, west=0, north=1, east=1) if scope.pop("area", False) else None
    made = Scope(**{**known, **scope, "area": area}, max_cameras=None)
    lists = [
        CamerasListed(entry=2, source="tfl", count=10, groups={}, root=""),
        CamerasListed(entry=9, source="tfl", count=150, groups={"a": 100, "b": 30}, root=""),
        CamerasListed(entry=4, source="other", count=7, groups={"a": 7}, root=""),
    ]
    members = dict(zip(("cameras", "cameras_withheld"), shown, strict=True))
    assert (cameras_fault(members, made, cap, lists) == "") == fits


@pytest.mark.parametrize("member", ["responses", "responses_withheld"])
@pytest.mark.parametrize("value", [-1, "2", True, None, 2.5])
def test_responses_are_a_count_once_a_consultation_has_closed(
    eventful: World, member: str, value: object
) -> None:
    def change(register: dict[str, Any]) -> None:
        next(one for one in register["consultations"] if one[member] is not None)[member] = value

    assert f"`{member}` is not a count" in faults(verified(eventful, change))


@pytest.mark.parametrize("member", ["responses", "responses_withheld"])
def test_responses_are_not_shown_while_it_is_open(tmp_path: Path, member: str) -> None:
    founding = documents.changed(charter(), documents.put("consulting.shortest", "PT2S"))
    world = World(tmp_path / "log", founding=founding)
    world.document(documents.example("authority"))
    times = (("opens_at", SECOND_US), ("closes_at", 3600 * SECOND_US))
    changes = [
        documents.put(f"consultation.{name}", rfc3339(world.at_us + after_us)) for name, after_us in times
    ]
    world.document(documents.changed(documents.example("consultation"), *changes), ("tfl/data-protection",))
    world.live(2)
    world.flush()
    try:
        assert verified(world, lambda register: None).ok
        words = faults(verified(world, lambda register: register["consultations"][0].update({member: 3})))
        assert f"`{member}` is shown as `3`, and by the log it is `None`" in words
    finally:
        world.close()


@pytest.mark.parametrize("table", ["figures", "targeting"])
@pytest.mark.parametrize("kind", ["anything", None, "other"])
def test_figures_are_shown_with_their_kind(eventful: World, table: str, kind: str | None) -> None:
    other = "targeting" if table == "figures" else "figures"

    def change(register: dict[str, Any]) -> None:
        register[table][0]["kind"] = other if kind == "other" else kind

    assert "are shown otherwise than they were logged" in faults(verified(eventful, change))


@pytest.mark.parametrize("form", [1, None])
def test_a_register_says_the_form_that_it_has(eventful: World, form: int | None) -> None:
    def change(register: dict[str, Any]) -> None:
        if form is None:
            del register["form"]
        else:
            register["form"] = form

    assert "`form` is not 3" in faults(verified(eventful, change))
