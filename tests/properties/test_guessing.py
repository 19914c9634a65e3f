"""Whoever stands at one camera and reads every public byte learns nothing of who is listed.

In each trial a car passes once, or day after day as a commuter does; whether it is listed decides a coin. The guesser
knows when it passed, and has everything public before, after, once the hour's figures are out, and once the month's
are: the register, every page, the log's entries. It learns from labelled trials whatever number, length or presence
differs, and must then fall to chance on fresh ones. On a demonstration's live bytes, which are marked (decision 0013),
the same guesser must win: that proves that it can.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from tests import simulator
from tests.guesser import Features, Guesser, features_of, most_by_chance
from tests.simulator import VKEY, WANTED, World
from tests.vectors import make_documents as documents
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.signing import canonical, dump_envelope
from wicketgate.commits.register import build_register, dump_register
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.notes import Checkpoint, sign_note
from wicketgate.pages.public import Pages
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.moment import RegimeAt
from wicketgate_demo.site.live import totals_of

LEARN, GUESS = 20, 32
CAR = "LISTED1"


def founding(*, demonstration: bool) -> bytes:
    """Return a charter's envelope: the example's, with its hours, or as a demonstration."""
    body = documents.example("charter")
    if demonstration:
        body = simulator.charter()
    offices = ("tfl/commissioner", "home-office/secretary-of-state", "ico/commissioner")
    return dump_envelope(sign_document(body, documents.keys_of(offices)))


class Street(World):
    """A world under a charter of one's choice, and what is public of it."""

    def __init__(self, folder: Path, charter_envelope: bytes) -> None:
        super().__init__(folder)
        self._founding = charter_envelope
        self._pages = Pages()

    async def begin(self) -> None:
        """Found the gateway."""
        original = simulator.founding
        simulator.founding = lambda: self._founding
        try:
            await super().begin()
        finally:
            simulator.founding = original
        await self.settle()

    def public(self, *, pages_too: bool = True) -> Mapping[str, bytes]:
        """Return every public byte that is no hash of something secret.

        A page shows the register and nothing else, so some moments go without (rendering is slow).
        """
        state, at_us = self.commits.committed, self.clock.at_us
        head = Checkpoint(origin=simulator.ORIGIN, size=state.entries, root=b"\x00" * 32)
        note = sign_note(head.to_text(), [note_signer(simulator.LOG_KEY, simulator.ORIGIN)])
        register = build_register(
            RegimeAt(state.regime, self.commits.parsed, at_us), state, checkpoint=note, log_key=VKEY
        )
        public = {
            "/register.json": dump_register(register),
            "/log": b"[" + b",".join(self.projections.entries) + b"]",
        }
        if not pages_too:
            return public
        pages = self._pages
        texts = {
            "/": pages.front(register, at_us),
            "/figures": pages.figures(register),
            "/authorities": pages.authorities(register, at_us),
            "/why-not-less": pages.why_not_less(register),
            "/drift": pages.drift(register),
            "/verify": pages.how_to_verify(register),
            "/consultations": pages.consultations(register, at_us),
            **{
                f"/authorities/{name}/1": pages.authority(register, name, 1) or ""
                for name in state.authorities
            },
        }
        return public | {path: text.encode() for path, text in texts.items()}

    def live(self) -> Mapping[str, bytes]:
        """Return what a demonstration shows as it happens."""
        return {
            "/demonstration/live": canonical(
                totals_of(self.commits.committed, self.commits.parsed, self.clock.at_us)
            )
        }


async def trial(folder: Path, number: int, *, demonstration: bool) -> tuple[Features, bool]:
    """Live through one trial; return what the guesser saw, and whether the car was listed."""
    chance = random.Random(number)
    listed, passes, busy = chance.random() < 0.5, chance.choice([1, 1, 1, 14]), chance.randrange(40)
    street = Street(folder, founding(demonstration=demonstration))
    await street.begin()
    others = [f"OTHER{n}" for n in range(chance.randrange(4))]
    street.list_plates([*others, "NEVERSEEN", *([CAR] if listed else ["ELSEWHERE"])])
    await street.settle()
    street.post(
        [street.fresh_read("c0") for _ in range(busy)] + [street.fresh_read("c1", plate=p) for p in others]
    )
    await street.settle()
    seen = [] if demonstration else [street.public(pages_too=False)]
    live = [street.live()]
    for turn in range(passes):
        street.post([street.fresh_read("c0", plate=CAR)])
        await street.settle()
        if listed:
            street.answer_hit(len(street.known_hits()) - 1, chance.choice(["confirmed", "misread"]))
        await street.settle()  # a second passes for either: time is no sign of what an officer did
        if turn == 0:
            if not demonstration:
                seen.append(street.public())
            live.append(street.live())
    if demonstration:
        seen = live
    else:
        for until in ("2026-07-08T13:00:30Z", "2026-08-02T00:00:30Z", "2026-08-08T00:00:30Z"):
            await street.crash(
                commits_kept=99,
                projected=1.0,
                away_us=parse_rfc3339(until) - street.clock.at_us,
            )
            await street.settle()
            seen.append(street.public(pages_too=until > "2026-08-08"))
    await street.end()
    assert bool(street.commits.committed.totals.hits.get(WANTED, {}).get("exact", 0) > len(others)) == listed
    return features_of(seen), listed


async def run(tmp_path: Path, *, demonstration: bool, learn: int, guess: int) -> tuple[int, Guesser]:
    trials = []
    for number in range(learn + guess):
        folder = tmp_path / str(number)
        folder.mkdir()
        trials.append(await trial(folder, number, demonstration=demonstration))
    features, labels = [one for one, _ in trials], [label for _, label in trials]
    guesser = Guesser(features[:learn], labels[:learn])
    guesses = guesser.guesses(features[learn:])
    return sum(a == b for a, b in zip(guesses, labels[learn:], strict=True)), guesser


async def test_nobody_at_a_camera_guesses_who_is_listed(tmp_path: Path) -> None:
    right, guesser = await run(tmp_path, demonstration=False, learn=LEARN, guess=GUESS)
    assert right <= most_by_chance(GUESS), (right, guesser.found[:5])


async def test_the_same_guesser_wins_on_the_live_bytes_of_a_demonstration(tmp_path: Path) -> None:
    right, _ = await run(tmp_path, demonstration=True, learn=16, guess=16)
    assert right == 16
