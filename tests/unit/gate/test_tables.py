"""From the fold to the gate's tables: scope, stops, edges, and for how long the tables hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.strategies import batch_of
from tests.unit.commits.test_state import NAME, WANTED, Fold, unsigned
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import in_scope
from wicketgate.commits.transactions import CameraSet, CamerasRegistered
from wicketgate.gate.decide import Decision, decide
from wicketgate.gate.tables import GateTables, tables_at
from wicketgate.regime.moment import RegimeAt

REF = f"{NAME}@1"


@pytest.fixture
def fold() -> Fold:
    made = Fold()
    listed = (
        CameraSet(id="c0", groups=("ccz-boundary", "x")),
        CameraSet(id='quote"d', groups=("x",)),
        CameraSet(id="c2"),
    )
    made.apply(cameras=CamerasRegistered(source="tfl", cameras=listed))
    made.apply(cameras=CamerasRegistered(source="other", cameras=listed[:1]))
    return made


def standing(fold: Fold, full: frozenset[str] = frozenset(), **options: Any) -> GateTables:
    return tables_at(
        RegimeAt(fold.state.regime, fold.parsed, fold.at_us),
        fold.state.cameras,
        full,
        revision=fold.state.revision,
        **options,
    )


def decision(fold: Fold, *, ago_us: int = 0, camera: int = 0, full: frozenset[str] = frozenset()) -> Decision:
    captured = fold.at_us - ago_us
    batch = batch_of([(camera, captured, fold.at_us)])
    return decide(batch, standing(fold, full, earliest_us=captured).table, fold.at_us, 60 * SECOND_US)


def reasons(found: Decision) -> list[str]:
    return [refusal.reason for refusal in found.refusals]


def test_nothing_stands_without_an_authority(fold: Fold) -> None:
    assert len(standing(fold).table) == 0
    assert decision(fold).withheld == 1


def test_scope_is_sources_and_groups(fold: Fold) -> None:
    fold.authority()
    authority = fold.parsed.authority(fold.state.authorities[NAME].versions[0])
    assert in_scope(fold.state.cameras, authority).tolist() == [True, False, False, False]
    fold.authority(authority__version=2, scope__groups=[])
    authority = fold.parsed.authority(fold.state.authorities[NAME].versions[1])
    assert in_scope(fold.state.cameras, authority).tolist() == [True, True, True, False]
    assert [len(decision(fold, camera=n).releases) for n in range(4)] == [1, 1, 1, 0]


def test_a_camera_is_shown_as_json(fold: Fold) -> None:
    assert standing(fold).camera_json == (
        '"source":"tfl","camera":"c0"',
        '"source":"tfl","camera":"quote\\"d"',
        '"source":"tfl","camera":"c2"',
        '"source":"other","camera":"c0"',
    )


def test_name_and_position_are_shown_of_an_authority_that_names_its_log(fold: Fold) -> None:
    listed = (
        CameraSet(id="c0", name='Gate "north"', groups=("ccz-boundary",), latitude=51.5, longitude=-0.1),
        CameraSet(id="c2", latitude=51.5),
    )
    fold.apply(cameras=CamerasRegistered(source="tfl", cameras=listed))
    fold.authority(authority__log=None)
    made = standing(fold)
    assert made.placing == frozenset()
    assert (
        made.placed_json[0]
        == made.camera_json[0] + ',"camera_name":"Gate \\"north\\"","position":[-0.1,51.5]'
    )
    assert made.placed_json[2] == made.camera_json[2] + ',"camera_name":"c2"'  # a half position is none
    fold.at_us += SECOND_US
    fold.authority(authority__version=2)
    assert standing(fold).placing == {f"{NAME}@2"}


def test_it_says_where_cameras_are_and_what_they_are_called(fold: Fold) -> None:
    """By names, not by numbers: hits of cameras that are gone are compared too."""
    made = standing(fold)
    assert made.places == ("tfl/c0", 'tfl/quote"d', "tfl/c2", "other/c0")
    assert made.positions == {}
    listed = (
        CameraSet(id="c0", latitude=51.5, longitude=-0.1),
        CameraSet(id="c1", latitude=51.5),
        CameraSet(id="c3", latitude=0.0, longitude=0.0),
    )
    fold.apply(cameras=CamerasRegistered(source="tfl", cameras=listed))
    made = standing(fold)
    assert made.places[-2:] == ("tfl/c1", "tfl/c3")
    assert made.positions == {"tfl/c0": (51.5, -0.1), "tfl/c3": (0.0, 0.0)}


def test_it_says_who_matches_and_on_what_terms(fold: Fold) -> None:
    fold.authority()
    assert standing(fold).listing == {}
    fold.document(unsigned("authority-match"))
    made = standing(fold)
    assert list(made.listing) == [f"{WANTED}@1"]
    assert made.listing[f"{WANTED}@1"].max_entries == 5000
    assert made.table.matches == (False, True)
    fold.document(unsigned("authority-match", authority__version=2, match__max_entries=7))
    made = standing(fold)
    assert {reference: terms.max_entries for reference, terms in made.listing.items()} == {f"{WANTED}@2": 7}


def test_each_stop_has_its_reason(fold: Fold) -> None:
    fold.authority()
    assert [release.reference for release in decision(fold).releases] == [REF]
    full = frozenset({NAME})
    assert reasons(decision(fold, full=full)) == ["feed-full"]
    assert reasons(decision(fold, full=frozenset({"another"}))) == []
    fold.act("suspension", "s1")
    assert reasons(decision(fold, full=full)) == ["suspended"]
    fold.act("revocation", "end")
    assert reasons(decision(fold, full=full)) == ["revoked"]


def test_what_ended_long_ago_is_not_decided_any_more(fold: Fold) -> None:
    fold.authority()
    fold.act("revocation", "end")
    limits = fold.parsed.charter(fold.state).limits
    fold.at_us += limits.too_old_us + limits.clock_ahead_us
    assert reasons(decision(fold)) == ["revoked"]
    fold.at_us += 1
    assert len(standing(fold).table) == 0


def test_the_tables_hold_until_another_version_may_count(fold: Fold) -> None:
    fold.authority()
    assert standing(fold).holds_until_us == fold.at_us + DAY_US
    fold.authority(authority__version=2, authority__valid_from="2026-07-08T18:00:00Z", scope__groups=[])
    edge = parse_rfc3339("2026-07-08T18:00:00Z")
    before = standing(fold)
    assert before.holds_until_us == edge
    assert before.names == {REF: NAME}
    fold.at_us = edge - 1
    assert decision(fold, camera=1).releases == ()
    fold.at_us = edge
    assert standing(fold).names == {f"{NAME}@2": NAME}
    assert len(decision(fold, camera=1).releases) == 1


def test_it_says_of_what_it_was_made(fold: Fold) -> None:
    made = standing(fold, frozenset({"x"}))
    assert (made.revision, made.full) == (fold.state.revision, {"x"})
    fold.authority()
    assert fold.state.revision > made.revision


HOURS = [{"zone": "Europe/London", "days": ["wed"], "from": "12:00", "until": "14:00"}]


def test_hours_are_those_of_the_capture(fold: Fold) -> None:
    fold.authority(scope__hours=HOURS)
    # 2026-07-08 is a Wednesday, and 12:00Z is 13:00 in London.
    assert len(decision(fold, ago_us=HOUR_US).releases) == 1
    assert reasons(decision(fold, ago_us=HOUR_US + 1)) == ["out-of-scope"]
    fold.at_us += HOUR_US
    assert reasons(decision(fold)) == ["out-of-scope"]
    assert len(decision(fold, ago_us=1).releases) == 1
    fold.at_us += 6 * DAY_US
    assert len(decision(fold, ago_us=6 * DAY_US + 1).releases) == 1


def test_reads_that_waited_long_are_decided_by_the_hours_of_their_capture(fold: Fold) -> None:
    """The gateway was away for longer than a read may be old when it is taken."""
    fold.authority(scope__hours=HOURS)
    fold.at_us += 30 * DAY_US
    ago_us = 30 * DAY_US
    assert len(decision(fold, ago_us=ago_us).releases) == 1
    assert reasons(decision(fold, ago_us=ago_us + 2 * HOUR_US)) == ["out-of-scope"]
    plain = standing(fold)
    assert plain.covers_from_us > fold.at_us - ago_us
    assert standing(fold, earliest_us=fold.at_us - ago_us).covers_from_us == fold.at_us - ago_us


def test_without_hours_as_well(fold: Fold) -> None:
    fold.authority()
    fold.at_us += 30 * DAY_US
    assert len(decision(fold, ago_us=30 * DAY_US).releases) == 1


def test_hours_that_cannot_be_computed_refuse_everything(fold: Fold, monkeypatch: pytest.MonkeyPatch) -> None:
    fold.authority(scope__hours=HOURS)

    def unknown(*args: Any) -> np.ndarray:
        raise InputError("no such zone")

    monkeypatch.setattr("wicketgate.gate.tables.windows", unknown)
    assert reasons(decision(fold)) == ["error"]
    fold.act("suspension", "s")
    assert reasons(decision(fold)) == ["suspended"]


def test_it_says_to_how_many_a_read_may_go_at_once(fold: Fold) -> None:
    assert standing(fold).most_together == 0
    fold.authority()
    fold.authority(authority__name="of-no-camera-here", scope__groups=["elsewhere"])
    assert standing(fold).most_together == 1
    fold.authority(authority__name="of-the-same-cameras")
    assert standing(fold).most_together == 2
    assert standing(fold, full=frozenset({NAME})).most_together == 1
