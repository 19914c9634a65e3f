"""The gate, the single decision and Cedar say the same of every read in thousands of worlds.

The gate decides by words of bits, `gate.single` by looking things up, and the Cedar policies are written from the
documents (`tests/oracles/cedar_oracle.py`). A failure names the seed of its world; the slow test with
`WICKETGATE_WORLD_SEED=n WICKETGATE_WORLDS=1` makes it again.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.oracles.cedar_oracle import Wanted, render
from tests.strategies import batch_of
from tests.worlds import APPROVERS, FIELDS, Read, World, make_world, moments, reads
from wicketgate.base.clock import MINUTE_US
from wicketgate.gate.decide import Looks, decide
from wicketgate.gate.single import LIVE, AuthorityTerms, Decider, Search, Use, Verdict
from wicketgate.gate.tables import GateTables, tables_at, terms_at
from wicketgate.hotlists import Hotlist
from wicketgate.hotlists.in_force import Allowed
from wicketgate.hotlists.unlisted import Unlisted
from wicketgate.regime.moment import RegimeAt

WORLDS = int(os.environ.get("WICKETGATE_WORLDS", "20000"))
SEED = int(os.environ.get("WICKETGATE_WORLD_SEED", "1"))
QUICK = 600
MOMENTS = 2
READS = 6

GATE_REASONS = {
    "revoked",
    "suspended",
    "error",
    "feed-full",
    "not-in-force-yet",
    "expired",
    "review-overdue",
    "consultation-overdue",
    "out-of-scope",
    "before-validity",
    "not-listed",
    "listed",
}
SEARCH_REASONS = {"no-authority", "question-kind", "older-than-allowed", "approval-needed"}


@dataclass(frozen=True)
class Asked:
    """One read at one moment, under one authority, for one use."""

    name: str
    reference: str
    read: Read
    at_us: int
    use: Use
    field: str


class Session:
    """One world at one moment, before all three."""

    def __init__(self, world: World, at_us: int) -> None:
        self.world, self.at_us = world, at_us
        self.reads = reads(world, at_us, READS)
        earliest_us = min(read.captured_us for read in self.reads)
        state = world.state
        moment = RegimeAt(state.regime, world.parsed, at_us)
        self.terms: dict[str, AuthorityTerms] = {
            name: terms_at(moment, state.cameras, name, captured_us=earliest_us, full=name in world.full)
            for name in state.authorities
        }
        self.standing: GateTables = tables_at(moment, state.cameras, world.full, earliest_us=earliest_us)
        self.decider = Decider(
            self.terms.values(), [f"{camera.source}/{camera.id}" for camera in state.cameras]
        )
        self.lists: dict[str, Looks] = {}
        for name, item in self.terms.items():
            entries, match = world.lists[name], world.match_terms(name, at_us)
            unlisted = world.unlisted_terms(name, at_us)
            if entries is not None and unlisted is not None:
                self.lists[item.terms.reference] = Unlisted(Hotlist.of(entries), unlisted, world.stood[name])
            if entries is not None and match is not None:
                self.lists[item.terms.reference] = Allowed(Hotlist.of(entries), match)

    def questions(self) -> Iterator[Asked]:
        """Yield what is asked: most of it for the use that the authority is for."""
        chance = self.world.random
        for name, item in self.terms.items():
            for read in self.reads:
                searching = (item.search is not None) != (chance.random() < 0.1)
                approved = frozenset(chance.sample(APPROVERS, chance.choice([0, 0, 0, 1])))
                kinds = frozenset({chance.choice(["plate"] * 9 + ["pattern", "scenes"])})
                use = Search(approved, kinds) if searching else LIVE
                yield Asked(name, item.terms.reference, read, self.at_us, use, chance.choice(FIELDS))

    def single(self, asked: Asked) -> Verdict:
        """Ask the single decision."""
        read = asked.read
        return self.decider.decide(
            asked.reference,
            read.camera,
            read.captured_us,
            asked.at_us,
            plate=read.plate,
            use=asked.use,
            lists=self.lists,
        )

    def wanted(self, asked: Asked) -> Wanted:
        """Return the question as Cedar is asked it."""
        return Wanted(
            feed=asked.name,
            camera=asked.read.camera,
            captured_us=asked.read.captured_us,
            at_us=asked.at_us,
            plate=asked.read.plate,
            field=asked.field,
            search=isinstance(asked.use, Search),
            approved=sorted(asked.use.approved_by) if isinstance(asked.use, Search) else (),
            kinds=sorted(asked.use.kinds) if isinstance(asked.use, Search) else (),
            entries=self.world.lists[asked.name],
            stood={
                name: (one.against, one.confirmed_us) for name, one in self.world.stood[asked.name].items()
            },
            full=asked.name in self.world.full,
        )

    def compare_with_gate(self) -> None:
        """Hold rows, fields and reasons of the gate to those of single decisions on every read."""
        rows = [(read.camera, read.captured_us, read.captured_us) for read in self.reads]
        batch = batch_of(rows, [read.plate for read in self.reads])
        found = decide(batch, self.standing.table, self.at_us, MINUTE_US, self.lists)
        releases = {release.reference: release for release in found.releases}
        for name, item in self.terms.items():
            reference = item.terms.reference
            verdicts = [
                self.single(Asked(name, reference, read, self.at_us, LIVE, "plate")) for read in self.reads
            ]
            release = releases.get(reference)
            if reference not in self.standing.table.references:
                # It answers searches alone, or ended so long ago that no read of it can still come.
                assert release is None
                assert not any(verdict.allowed for verdict in verdicts)
                continue
            rows_let_go = [row for row, verdict in enumerate(verdicts) if verdict.allowed]
            assert (release.rows.tolist() if release else []) == rows_let_go
            if release is not None:
                assert {verdict.fields for verdict in verdicts if verdict.allowed} == {release.fields}
            reasons = Counter(verdict.reason for verdict in verdicts if not verdict.allowed)
            assert reasons == {
                refusal.reason: refusal.rows for refusal in found.refusals if refusal.reference == reference
            }


def compare(seed: int, seen: Counter[str]) -> int:
    """Hold the three to one another in the world of a seed; return how many decisions were compared."""
    world = make_world(seed)
    cedar = render(world.committed, world.devices)
    asked: list[Asked] = []
    wanted: list[Wanted] = []
    verdicts: list[Verdict] = []
    for at_us in moments(world, MOMENTS):
        session = Session(world, at_us)
        session.compare_with_gate()
        for question in session.questions():
            verdict = session.single(question)
            seen[verdict.reason or "allowed"] += 1
            if verdict.allowed and isinstance(question.use, Search):
                seen["found"] += 1
            asked.append(question)
            wanted.append(session.wanted(question))
            verdicts.append(verdict)
    for question, verdict, allowed in zip(asked, verdicts, cedar.ask(wanted), strict=True):
        expected = verdict.allowed is True and question.field in verdict.fields
        assert allowed == expected, (question, verdict, cedar.text)
        assert verdict.allowed is not None
        assert bool(verdict.fields) == verdict.allowed == (verdict.reason is None)
    return len(verdicts)


def compare_worlds(first: int, count: int) -> None:
    seen: Counter[str] = Counter()
    decisions = 0
    for seed in range(first, first + count):
        try:
            decisions += compare(seed, seen)
        except BaseException:
            sys.stdout.write(f"\nthree evaluators: WICKETGATE_WORLD_SEED={seed} WICKETGATE_WORLDS=1\n")
            raise
    sys.stdout.write(f"\nthree evaluators: {decisions} decisions in {count} worlds: {dict(seen)}\n")
    if count >= QUICK:
        assert set(seen) == GATE_REASONS | SEARCH_REASONS | {"allowed", "found"}
        assert min(seen.values()) >= count // 200
        assert seen["allowed"] > decisions // 20


def test_the_three_agree_in_thousands_of_worlds() -> None:
    compare_worlds(0, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_three_agree_in_tens_of_thousands_of_worlds() -> None:
    compare_worlds(SEED, WORLDS)
