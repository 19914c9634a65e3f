"""The register: what anybody may see of the fold, at a moment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator import OWN_SIGNERS, envelope
from tests.unit.commits.test_state import NAME, Fold
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.signing import canonical
from wicketgate.commits.register import build_register, dump_register
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, FiguresClosed
from wicketgate.regime.moment import RegimeAt


@pytest.fixture
def fold() -> Fold:
    made = Fold()
    listed = tuple(CameraSet(id=f"c{n}", groups=("ccz-boundary",) if n < 3 else ()) for n in range(5))
    made.apply(cameras=CamerasRegistered(source="tfl", cameras=listed))
    return made


def register(fold: Fold, at_us: int | None = None) -> dict[str, Any]:
    built = build_register(
        RegimeAt(fold.state.regime, fold.parsed, fold.at_us if at_us is None else at_us),
        fold.state,
        checkpoint=b"the checkpoint\n",
        log_key="the key",
    )
    shown: dict[str, Any] = json.loads(dump_register(built))
    assert shown == json.loads(json.dumps(built))  # plain values throughout
    return shown


def test_without_an_authority(fold: Fold) -> None:
    shown = register(fold)
    assert shown["origin"] == "tfl.example/wicketgate"
    assert shown["demonstration"] is True
    assert shown["as_of"] == rfc3339(fold.at_us)
    assert (shown["checkpoint"], shown["log_key"]) == ("the checkpoint\n", "the key")
    assert shown["charter"]["entry"] == 0
    assert len(shown["charter"]["signatures"]) == 3
    assert shown["charter"]["document"]["charter"]["name"] == "london"
    assert (shown["authorities"], shown["consultations"], shown["figures"]) == ([], [], [])
    assert shown["small_cells"] == 10


def test_an_authority_in_full(fold: Fold) -> None:
    fold.document(envelope("authority", documents.CT_OFFICES))
    (entry,) = register(fold)["authorities"]
    assert (entry["name"], entry["version"], entry["mode"], entry["status"]) == (NAME, 1, "bulk", "in-force")
    assert entry["document"] == documents.example("authority")
    assert len(entry["signatures"]) == 3
    assert entry["entry"] == 1
    assert entry["cameras"] == 3
    assert entry["committed_at"] == entry["in_force_from"] == rfc3339(fold.at_us)
    assert entry["review_due"] == entry["in_force_until"] == "2026-10-08T12:00:00Z"
    assert entry["acts"] == []
    assert all(isinstance(words, str) for words in entry["words"])
    assert register(fold, fold.at_us + 100 * DAY_US)["authorities"][0]["status"] == "review-overdue"


def test_cameras_that_left_are_not_counted(fold: Fold) -> None:
    fold.authority()
    fold.apply(
        cameras=CamerasRegistered(source="tfl", cameras=(CameraSet(id="c1", groups=("ccz-boundary",)),))
    )
    assert register(fold)["authorities"][0]["cameras"] == 1


def test_each_version_has_its_end_and_its_acts(fold: Fold) -> None:
    fold.authority(authority__review_every=None)
    fold.at_us += DAY_US
    fold.act("suspension", "s1")
    fold.act("resumption", "r1", resumption__suspension="s1")
    fold.act("review", "v1")
    fold.authority(
        authority__version=2, authority__valid_from="2026-08-01T00:00:00Z", authority__review_every=None
    )
    first, second = register(fold)["authorities"]
    assert (first["status"], second["status"]) == ("in-force", "pending")
    assert first["in_force_until"] == "2026-08-01T00:00:00Z"
    assert second["in_force_from"] == "2026-08-01T00:00:00Z"
    assert second["in_force_until"] == "2027-07-04T00:00:00Z"
    assert first["review_due"] is None
    kinds = [[act["kind"] for act in entry["acts"]] for entry in (first, second)]
    assert kinds[0] == ["suspension", "resumption", "review"]
    assert "review" not in kinds[1]
    fold.at_us += DAY_US
    fold.act("revocation", "end")
    fold.authority(authority__version=3)
    first, second, third = register(fold)["authorities"]
    assert [entry["status"] for entry in (first, second, third)] == ["revoked", "revoked", "in-force"]
    assert first["in_force_until"] == rfc3339(fold.at_us)
    assert [act["kind"] for act in second["acts"]][-1] == "revocation"
    act = first["acts"][-1]
    assert act["document"]["revocation"]["id"] == "end"
    assert act["reason"] == act["document"]["revocation"]["reason"]
    assert act["signatures"] == []


def test_names_are_in_order(fold: Fold) -> None:
    fold.authority()
    fold.document(envelope("authority-own-use", OWN_SIGNERS))
    assert [entry["name"] for entry in register(fold)["authorities"]] == ["tfl-charging", NAME]


def test_figures_are_those_of_closed_periods(fold: Fold) -> None:
    fold.apply(reads=7)
    assert register(fold)["figures"] == []
    entries = fold.state.entries
    body = {"kind": "figures", "from": rfc3339(fold.at_us), "until": rfc3339(fold.at_us + 1), "decided": None}
    fold.apply(
        first_entry=entries,
        entries=(canonical(body),),
        figures=FiguresClosed(from_us=fold.at_us, until_us=fold.at_us + 1, entry=entries),
    )
    assert register(fold)["figures"] == [{**body, "entry": entries}]
