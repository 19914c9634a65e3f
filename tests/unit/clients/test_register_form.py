"""The form of a shown register."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.made_gateway import World, changed_register, consulted, serve
from tests.unit.clients.test_verify_unbound import take, unbound
from tests.vectors import make_documents as documents
from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.verify import Report, verify_url
from wicketgate.clients.verify.register import Register
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
    with pytest.raises(InputError, match=r"`/register.json` is of form 3.* up to form 2"):
        Register(shown(form=3))


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
    for member in ("form", "least_traffic", "people", "step", "targeting"):
        register.pop(member)
    for authority in register["authorities"]:
        authority["stance"] = {"phase": "ended", "footing": "consulted", "by": ["c-2026-001"]}
        authority["words"] = list(map(as_03_worded, authority["words"]))
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
