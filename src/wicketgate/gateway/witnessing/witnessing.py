"""The witnesses of a running gateway: what they cosigned, what they refused, and what stops where they do not.

How long nothing is cosigned is counted in seconds of the log, not by a clock: whoever verifies counts the same, and a
gateway that was away missed nothing.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wicketgate.base.aside import TasksAside, ThreadsAside
from wicketgate.base.clock import SECOND_US, Clock, rfc3339
from wicketgate.base.errors import InputError, LedgerError, StreamError, VerificationError
from wicketgate.base.signing import canonical
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.witnessing.behind import MOST_SECONDS, SecondsBehind
from wicketgate.gateway.witnessing.child import SubmittingChild
from wicketgate.gateway.witnessing.kept import WitnessFolder
from wicketgate.gateway.witnessing.words import AnswerHeard, Submitting, WitnessTold
from wicketgate.ledger.notes import NoteVerifier, parse_checkpoint, parse_note, parse_vkey
from wicketgate.ledger.policies import (
    CosignedCheckpoint,
    WitnessPolicy,
    make_policy,
    open_cosigned,
    parse_policy,
)
from wicketgate.ledger.submissions import with_lines
from wicketgate.ledger.tiles import folder_fetch, iterate_entries
from wicketgate.ledger.witnessed import (
    MOST_SHOWN,
    RefusalSeen,
    WitnessedNotes,
    WitnessingSeen,
    WitnessSeen,
)
from wicketgate.regime.admitted import WitnessingStood
from wicketgate.regime.charter import Charter
from wicketgate.regime.charter.witnesses import WitnessRules
from wicketgate.regime.witnessing import witnessed_from

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.2
_KEEP_S: Final = 2.0
_FIRST_S: Final = 15.0
"""Behind a start nothing stops before this: what had been cosigned is known once a witness has answered."""
_NOTES_KEPT: Final = 16
_SECOND: Final = b'"kind":"second"'


def policy_of(rules: WitnessRules, vkey: str) -> bytes:
    """Return the policy of a charter's witnesses, for the log of a key."""
    return make_policy(vkey, [(one.id, one.url, one.keys) for one in rules.witnesses], rules.needed)


def witness_of(name: str) -> str:
    """Return the id of the witness of which a name in a policy of `policy_of` is one key."""
    return name.partition(".")[0]


class Witnessing:
    """The witnesses of one gateway that leads."""

    def __init__(
        self,
        commits: Commits,
        projections: Projections,
        clock: Clock,
        vkey: str,
        folder: WitnessFolder,
        log_folder: str,
    ) -> None:
        self._commits = commits
        self._projections = projections
        self._clock = clock
        self._vkey = vkey
        self._verifier: NoteVerifier = parse_vkey(vkey)
        self._folder = folder
        self._log_folder = log_folder
        self._rules: WitnessRules | None = None
        self._policy: WitnessPolicy | None = None
        self._child: SubmittingChild | None = None
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[str, WitnessSeen] = {}
        self._refusals = folder.refusals()
        self._notes: dict[str, bytes] = {}
        self._newest = b""
        self._cosigned: CosignedCheckpoint | None = None
        self._kept = b""
        self._seconds = SecondsBehind()
        self._threads = ThreadsAside()
        self._aside = TasksAside()
        self._judges_from_s = asyncio.get_running_loop().time() + _FIRST_S
        self._is_filled = False
        self.alarms = 0
        """How often a witness said, since the start, that the log has forked."""

    @classmethod
    def of(cls, gateway: Gateway) -> Witnessing:
        """Return the witnesses of a gateway."""
        made = cls(
            gateway.commits,
            gateway.projections,
            gateway.clock,
            gateway.ledger_vkey,
            WitnessFolder(gateway.deployment.part("witnessed")),
            str(gateway.deployment.log),
        )
        gateway.commits.followers.append(made.follow)
        return made

    def follow(self, transaction: Transaction) -> None:
        """Take note of a second that was closed."""
        if transaction.second is not None:
            self._seconds.take(transaction.second.entry)

    async def run(self) -> None:
        """Have checkpoints submitted, and commit what stops and goes on, for ever."""
        loop = asyncio.get_running_loop()
        kept_s = 0.0
        try:
            while True:
                self._look_at_charter()
                if self._rules is not None:
                    if not self._is_filled:
                        self._is_filled = await self._threads.run(self._fill)
                    if loop.time() - kept_s > _KEEP_S:
                        kept_s = loop.time()
                        await self._keep()
                self.judge()
                await self._clock.sleep(_LOOK_S)
        finally:
            await self._end_child()

    async def close(self) -> None:
        """Keep what was cosigned."""
        await self._end_child()
        await self._keep()
        await self._aside.settle(2.0)
        await self._threads.ended()

    # --- the charter ----------------------------------------------------------------------------------------------

    def _charter(self) -> Charter:
        return self._commits.parsed.charter(self._commits.committed)

    def _look_at_charter(self) -> None:
        rules = self._charter().witnesses
        if rules == self._rules:
            return
        self._rules = rules
        if self._task is not None:
            self._task.cancel()
        self._task = self._child = self._policy = self._cosigned = None
        self._seen, self._notes, self._newest = {}, {}, b""
        if rules is None:
            return
        self._policy = parse_policy(policy_of(rules, self._vkey))
        self._seen = {one.id: WitnessSeen(id=one.id, title=one.title, url=one.url) for one in rules.witnesses}
        for refusal in self._refusals:
            self._count_refusal(refusal.witness)
        self._take_note(self._folder.cosigned())
        begin = Submitting(
            log=self._log_folder,
            vkey=self._vkey,
            needed=rules.needed,
            witnesses=tuple(WitnessTold(id=one.id, url=one.url, keys=one.keys) for one in rules.witnesses),
        )
        self._child = SubmittingChild(begin, self.hear)
        self._task = asyncio.create_task(self._child.run())

    async def _end_child(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _from_entry(self) -> int:
        """Return the entry behind the charter with which these rules began: nothing before it had to be cosigned."""
        return witnessed_from(self._commits.committed.regime, self._commits.parsed)

    def _fill(self) -> bool:
        """Find the seconds of the log that were closed before this start; return whether they could be read."""
        size = self._projections.ledger.size
        first = max(0, size - MOST_SECONDS)
        entries = enumerate(iterate_entries(folder_fetch(Path(self._log_folder)), size, first), start=first)
        try:
            self._seconds.fill([number for number, entry in entries if _SECOND in entry])
        except LedgerError:
            return False  # the log grew meanwhile, and dropped a tile that was not full
        return True

    # --- answers --------------------------------------------------------------------------------------------------

    def hear(self, heard: AnswerHeard) -> None:
        """Take what a witness answered."""
        seen = self._seen.get(heard.witness)
        if seen is None:
            return
        now = rfc3339(self._clock.now_us())
        well = heard.heard == "cosigned"
        self._seen[heard.witness] = msgspec.structs.replace(
            seen,
            size=heard.size if well else seen.size,
            at=now if well else seen.at,
            heard=now,
            said=heard.words,
            is_well=well,
        )
        if well:
            self._take_lines(heard)
        elif heard.heard == "alarm":
            self._take_alarm(heard, now)
        elif heard.heard in ("refused", "wrong"):
            log.error("the witness `%s` does not cosign: %s", heard.witness, heard.words)

    def _take_lines(self, heard: AnswerHeard) -> None:
        try:
            lines = parse_note(f"{parse_note(heard.note.encode()).text}\n{heard.lines}".encode()).signatures
            text = parse_note(heard.note.encode()).text
            note = with_lines(self._notes.get(text, heard.note.encode()), lines)
        except InputError:
            log.error("what was cosigned cannot be put together")
            return
        self._notes[text] = note
        while len(self._notes) > _NOTES_KEPT:
            del self._notes[next(iter(self._notes))]
        if not self._newest or parse_checkpoint(text).size >= _size(self._newest):
            self._newest = note
        self._take_note(note)

    def _take_note(self, note: bytes) -> None:
        """Take a checkpoint if enough have cosigned it, and it is newer: every line of it is verified here."""
        if not note or self._policy is None:
            return
        try:
            opened = open_cosigned(note, self._verifier, self._policy)
        except (InputError, VerificationError) as error:
            log.error("a cosigned checkpoint cannot be taken: %s", error.detail)
            return
        if not self._policy.holds(opened.at_s) or opened.checkpoint.size > self._commits.committed.entries:
            return
        if self._cosigned is None or opened.checkpoint.size >= self._cosigned.checkpoint.size:
            self._cosigned = opened

    def _take_alarm(self, heard: AnswerHeard, now: str) -> None:
        self.alarms += 1
        self._count_refusal(heard.witness)
        log.critical("the witness `%s` says that this log has forked: %s", heard.witness, heard.words)
        if len(self._refusals) >= MOST_SHOWN:
            return
        refusal = RefusalSeen(
            witness=heard.witness, at=now, said=heard.words, old=heard.old, note=heard.note, other=heard.other
        )
        self._refusals.append(refusal)
        self._aside.begin(self._threads.run(self._folder.keep_refusal, refusal))

    def _count_refusal(self, name: str) -> None:
        if (seen := self._seen.get(name)) is not None:
            self._seen[name] = msgspec.structs.replace(seen, refusals=seen.refusals + 1)

    async def _keep(self) -> None:
        note = b"" if self._cosigned is None else self._cosigned.note
        if note and note != self._kept:
            self._kept = note
            await self._threads.run(self._folder.keep_cosigned, note)

    # --- what stops -----------------------------------------------------------------------------------------------

    @property
    def cosigned(self) -> int:
        """How many entries as many have cosigned as must, by what is known here or was told in the log."""
        told = self._commits.committed.regime.witnessing
        known = 0 if self._cosigned is None else self._cosigned.checkpoint.size
        return max(known, told[-1].cosigned if told else 0)

    def judge(self) -> None:
        """Commit what stops or goes on, where the log tells otherwise."""
        rules, state = self._rules, self._commits.staged
        if rules is None or not self._is_filled:
            return
        wanted = self._wanted(rules)
        if wanted == state.regime.unwitnessed:
            return
        if len(wanted) > len(state.regime.unwitnessed):
            if asyncio.get_running_loop().time() < self._judges_from_s:
                return
            log.critical("too few witnesses cosign the log: %s stops", ", ".join(wanted))
        cosigned = self.cosigned
        try:
            self._commits.commit(
                lambda state, at_us, _: witnessing_transaction(state, at_us, wanted, cosigned)
            )
        except StreamError as error:
            if error.code != "busy":
                raise

    def _wanted(self, rules: WitnessRules) -> tuple[str, ...]:
        behind = self._seconds.behind(max(self.cosigned, self._from_entry()))
        return rules.stopped(behind * SECOND_US)

    # --- what is shown --------------------------------------------------------------------------------------------

    async def shown(self) -> WitnessedNotes:
        """Return what anybody may see."""
        rules, cosigned = self._rules, self._cosigned
        size = self._projections.ledger.size
        seen = WitnessingSeen(
            needed=0 if rules is None else rules.needed,
            witnesses=tuple(self._seen.values()),
            size=size,
            cosigned=0 if cosigned is None else cosigned.checkpoint.size,
            behind=0 if rules is None else self._seconds.behind(max(self.cosigned, self._from_entry())),
            by=() if cosigned is None else tuple(dict.fromkeys(map(witness_of, cosigned.at_s))),
            stopped=self._commits.committed.regime.unwitnessed,
            refusals=tuple(self._refusals),
        )
        return WitnessedNotes(
            cosigned=b"" if cosigned is None else cosigned.note, newest=self._newest, seen=seen
        )


def witnessing_transaction(state: State, at_us: int, stopped: tuple[str, ...], cosigned: int) -> Transaction:
    """Return the transaction that says what stops, or goes on, by how many cosigned the log."""
    body = {"kind": "witnessing", "at": rfc3339(at_us), "cosigned": cosigned, "stopped": list(stopped)}
    return Transaction(
        at_us=at_us,
        first_entry=state.entries,
        entries=(canonical(body),),
        witnessing=WitnessingStood(stopped=stopped, cosigned=cosigned, entry=state.entries),
    )


def _size(note: bytes) -> int:
    return parse_checkpoint(parse_note(note).text).size
