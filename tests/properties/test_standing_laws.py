"""What the register says of an authority and what the gate does under it are one: at any moment, at every edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import batch_of, entry_of
from tests.unit.commits.test_state import NAME, Fold, unsigned
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, rfc3339
from wicketgate.base.hours import windows
from wicketgate.commits.transactions import CameraSet, CamerasRegistered
from wicketgate.gate.decide import Looks, decide
from wicketgate.gate.tables import GateTables, tables_at
from wicketgate.hotlists import Hotlist
from wicketgate.regime.documents.authority import Authority

HOURS = [
    {"zone": "Europe/London", "days": ["wed", "thu", "sun"], "from": "07:00", "until": "18:00"},
    {"zone": "Europe/London", "days": ["sat"], "from": "22:00", "until": "06:00"},
]
days = st.integers(0, 40)
versions = st.tuples(
    st.just("version"),
    days,
    st.integers(1, 60),
    st.sampled_from([None, "P7D", "P1M"]),
    st.booleans(),
    st.sampled_from(["authority", "authority", "authority-match"]),
)
events = st.one_of(
    versions,
    st.sampled_from([("suspend",), ("suspend",), ("resume",), ("review",), ("revoke",)]),
    st.tuples(
        st.just("wait"), st.integers(1, 20 * 24).map(lambda hours: hours * HOUR_US) | st.integers(0, 3)
    ),
)

GATE_REASONS = {
    "revoked": {"revoked"},
    "suspended": {"suspended"},
    "pending": {"not-in-force-yet"},
    "review-overdue": {"review-overdue"},
    "expired": {"expired", "review-overdue", "suspended"},
}


class Register(Fold):
    """A fold with two cameras, and an authority to which things happen."""

    def __init__(self) -> None:
        super().__init__()
        listed = (CameraSet(id="in", groups=("ccz-boundary",)), CameraSet(id="out"))
        self.apply(cameras=CamerasRegistered(source="tfl", cameras=listed))
        self.acts = 0
        self.moments: set[int] = {self.at_us}

    @property
    def named(self) -> Any:
        """What was signed under the name."""
        return self.state.authorities.get(NAME)

    def take(self, event: tuple[Any, ...]) -> None:
        """Let something happen, if it could."""
        self.acts += 1
        name = f"a{self.acts}"
        match event:
            case ("wait", by_us):
                self.at_us += by_us
            case ("version", from_day, length, review, with_hours, example):
                begins_us = self.at_us - self.at_us % DAY_US + (from_day - 5) * DAY_US
                ends_us = begins_us + length * DAY_US
                if ends_us > self.at_us:  # else it would be refused as expired
                    count = len(self.named.versions) if self.named else 0
                    changes = {
                        "authority__name": NAME,
                        "authority__version": count + 1,
                        "authority__valid_from": rfc3339(begins_us),
                        "authority__valid_until": rfc3339(ends_us),
                        "authority__review_every": review,
                        **({"scope__hours": HOURS} if with_hours else {}),
                    }
                    self.document(unsigned(example, **changes))
            case ("suspend",) if self.named:
                self.act("suspension", name)
            case ("resume",) if self.named and self.named.suspensions:
                self.act("resumption", name, resumption__suspension=next(iter(self.named.suspensions)))
            case ("review",) if self.named:
                changes = {
                    "review__version": len(self.named.versions),
                    "review__reviewed_at": rfc3339(self.at_us),
                }
                self.act("review", name, **changes)
            case ("revoke",) if self.named and self.named.versions[-1].revoked_us is None:
                self.act("revocation", name)
        self.moments.add(self.at_us)

    def edges(self) -> list[int]:
        """Return every moment from now on at which something changes, and those just before and after."""
        found = {self.at_us}
        if self.named:
            for version in self.named.versions:
                authority = self.parsed.authority(version)
                found |= {authority.valid_from_us, authority.valid_until_us, self.at_us + 13 * HOUR_US}
                due = _due(version, authority)
                found |= set() if due is None else {due}
        near = {moment + step for moment in found for step in (-1, 0, 1)}
        return sorted(moment for moment in near if moment >= self.at_us)


def _due(version: Any, authority: Authority) -> int | None:
    from wicketgate.regime.standing import review_due

    return review_due(version, authority)


EVERYTHING = Hotlist.of([entry_of("AB12CDE", -(2**61), 2**61)])


def lists(standing: GateTables, hotlist: Hotlist = EVERYTHING) -> dict[str, Looks]:
    """Return a list for each authority that matches; without another word one that every read is on."""
    return dict.fromkeys(standing.listing, hotlist)


def releasable(authority: Authority, captured_us: int, camera: int) -> bool:
    """Say whether a capture lies in an authority's scope, validity and hours."""
    validity = (authority.valid_from_us, authority.valid_until_us)
    return camera == 0 and len(windows(*validity, authority.scope.hours, captured_us, captured_us + 1)) == 1


@settings(max_examples=60)
@given(st.lists(events, min_size=1, max_size=8), st.lists(st.integers(0, 6 * DAY_US), max_size=3))
def test_status_and_gate_agree(happenings: list[tuple[Any, ...]], ages: list[int]) -> None:
    register = Register()
    for event in happenings:
        register.take(event)
    for at_us in register.edges():
        rows = [(camera, at_us - age_us, at_us) for age_us in (0, *ages) for camera in (0, 1)]
        standing = tables_at(register.at(at_us), register.state.cameras, frozenset())
        found = decide(batch_of(rows), standing.table, at_us, 60 * SECOND_US, lists(standing))
        if register.named is None:
            assert not found.releases
            continue
        number = register.at(at_us).current(register.named)
        authority = register.parsed.authority(register.named.versions[number])
        shown = register.at(at_us).status(register.named, number)
        expected = [
            row
            for row, (camera, captured_us, _) in enumerate(rows)
            if shown == "in-force" and releasable(authority, captured_us, camera)
        ]
        released = {release.reference: release.rows.tolist() for release in found.releases}
        assert released == ({authority.reference: expected} if expected else {})
        nobody = decide(
            batch_of(rows), standing.table, at_us, 60 * SECOND_US, lists(standing, Hotlist.empty())
        )
        if authority.mode == "match":
            assert standing.listing.get(authority.reference, authority.match) == authority.match
            assert not nobody.releases
        else:
            assert not standing.listing
            assert nobody.refusals == found.refusals
        if shown != "in-force" and len(standing.table):
            assert {refusal.reason for refusal in found.refusals} <= GATE_REASONS[shown]
        others = [register.at(at_us).status(register.named, n) for n in range(len(register.named.versions))]
        assert others.count("in-force") <= 1
        assert "in-force" not in others[:number] + others[number + 1 :]


@settings(max_examples=40)
@given(
    st.lists(events, min_size=1, max_size=6),
    st.integers(0, 2 * DAY_US),
    st.integers(0, 6 * DAY_US),
)
def test_tables_hold_for_as_long_as_they_say(
    happenings: list[tuple[Any, ...]], later_us: int, age_us: int
) -> None:
    register = Register()
    for event in happenings:
        register.take(event)
    made_us = register.at_us
    standing = tables_at(register.at(made_us), register.state.cameras, frozenset())
    moments = [made_us + later_us, standing.holds_until_us - 1, *register.edges()]
    for at_us in moments:
        if not made_us <= at_us < standing.holds_until_us:
            continue
        batch = batch_of([(0, at_us - age_us, at_us), (1, at_us, at_us), (0, at_us, at_us)])
        fresh = tables_at(register.at(at_us), register.state.cameras, frozenset())
        kept = decide(batch, standing.table, at_us, SECOND_US, lists(standing))
        new = decide(batch, fresh.table, at_us, SECOND_US, lists(fresh))
        assert [
            (r.reference, r.rows.tolist(), np.asarray(r.late).tolist(), r.fields) for r in kept.releases
        ] == [(r.reference, r.rows.tolist(), np.asarray(r.late).tolist(), r.fields) for r in new.releases]
        if len(fresh.table) == len(standing.table):  # what ended long ago is left out of the fresh one
            assert kept.refusals == new.refusals
