"""Submit a log's checkpoints to its witnesses, each at the pace that it bears, and tell what they answer.

All witnesses get the same checkpoint: where each took the newest one when it was free, slow ones might never cosign one
together. The next one is looked for once enough have cosigned, or once a round has lasted too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wicketgate.base.errors import InputError, LedgerError, ShapeError, VerificationError
from wicketgate.gateway.witnessing.words import AnswerHeard, Heard, Submitting
from wicketgate.ledger.cosignatures import Cosigner, parse_cosigner
from wicketgate.ledger.notes import (
    MAX_NOTE_BYTES,
    Checkpoint,
    NoteVerifier,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_vkey,
)
from wicketgate.ledger.submissions import MOST_ANSWER, Meaning, WitnessAnswer, judge_answer, submission_body
from wicketgate.ledger.tiles import CHECKPOINT, TileReader, folder_fetch, prove_consistency

if TYPE_CHECKING:
    from httpx2 import AsyncClient

_LOOK_S: Final = 0.1
_ROUND_S: Final = 5.0
"""After so long, and the slowest pace, the next checkpoint is looked for, whoever has not cosigned this one."""
_ANSWER_S: Final = 10.0
_AGAIN_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses of a witness that does not answer, or answers that it is busy."""
_REFUSED_S: Final = 5.0
"""The pause behind a refusal, which is final for this checkpoint."""
_SLOWEST_S: Final = 15.0

_HEARD: Final[dict[Meaning, Heard]] = {
    Meaning.COSIGNED: "cosigned",
    Meaning.RESUME: "resumed",
    Meaning.ALARM: "alarm",
    Meaning.LATER: "later",
    Meaning.REFUSED: "refused",
    Meaning.WRONG: "wrong",
}

Tell = Callable[[AnswerHeard], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Target:
    """The checkpoint that is submitted to all."""

    note: bytes
    text: str
    head: Checkpoint


@dataclass(slots=True)
class _Pace:
    """The state of one witness."""

    id: str
    url: str
    cosigners: tuple[Cosigner, ...]
    old: int = 0
    fails: int = 0
    least_s: float = 0.0
    done: str = ""
    resumed: int = field(default=0)


class Submitter:
    """The submissions of one log.

    Parameters
    ----------
    tell : callable
        Told of each answer.
    """

    def __init__(self, begin: Submitting, tell: Tell, client: AsyncClient) -> None:
        self._fetch = folder_fetch(Path(begin.log))
        self._log: NoteVerifier = parse_vkey(begin.vkey)
        self._needed = begin.needed
        self._tell = tell
        self._client = client
        self._paces = [
            _Pace(id=one.id, url=one.url, cosigners=tuple(map(parse_cosigner, one.keys)))
            for one in begin.witnesses
        ]
        self._target: _Target | None = None
        self._cosigned: set[str] = set()
        self._came = asyncio.Event()

    async def run(self) -> None:
        """Submit, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            for pace in self._paces:
                group.create_task(self._serve(pace))

    async def _look(self) -> None:
        """Look for the next checkpoint, once enough have cosigned this one."""
        loop = asyncio.get_running_loop()
        began = 0.0
        while True:
            longest_s = _ROUND_S + max(pace.least_s for pace in self._paces)
            settled = len(self._cosigned) >= self._needed or loop.time() - began > longest_s
            if self._target is None or settled:
                newest = await asyncio.to_thread(self._newest)
                if newest is not None and (self._target is None or newest.text != self._target.text):
                    self._target, self._cosigned, began = newest, set(), loop.time()
                    came, self._came = self._came, asyncio.Event()
                    came.set()
            await asyncio.sleep(_LOOK_S)

    def _newest(self) -> _Target | None:
        try:
            note = self._fetch(CHECKPOINT)[: MAX_NOTE_BYTES + 1]
            opened = open_note(note, [self._log])
            head = parse_checkpoint(opened.text)
        except (OSError, InputError, VerificationError):
            return None  # it is being written, or is damaged: the gateway looks after its log itself
        return _Target(opened.dump(), opened.text, head) if head.size else None

    async def _serve(self, pace: _Pace) -> None:
        while True:
            came, target = self._came, self._target
            if target is None or pace.done == target.text:
                await came.wait()
                continue
            pause_s = await self._submit(pace, target)
            # Even where it answers at once, a new target is waited for.
            await asyncio.sleep(pause_s)

    async def _submit(self, pace: _Pace, target: _Target) -> float:
        """Submit one checkpoint once; return for how long to wait."""
        if pace.old > target.head.size:
            # Between two rounds it heard of a later one; what it says of the log is looked at with the next.
            pace.done = target.text
            return 0.0
        try:
            proof = await asyncio.to_thread(self._proof, pace.old, target.head.size)
        except (LedgerError, ShapeError, OSError):
            pace.done = target.text  # tiles of this size are gone: the next checkpoint has its own
            return _LOOK_S
        answer, other = await self._ask(pace, target, proof)
        heard = AnswerHeard(
            witness=pace.id,
            heard=_HEARD[answer.meaning],
            size=target.head.size,
            old=pace.old,
            words=answer.words,
            lines="".join(one.line for one in answer.lines),
            note=target.note.decode() if answer.meaning in (Meaning.COSIGNED, Meaning.ALARM) else "",
            other=other,
        )
        if answer.meaning is not Meaning.RESUME or pace.resumed:
            await self._tell(heard)
        return self._after(pace, target, answer)

    def _after(self, pace: _Pace, target: _Target, answer: WitnessAnswer) -> float:
        """Take note of an answer; return for how long to wait."""
        match answer.meaning:
            case Meaning.COSIGNED:
                pace.old, pace.fails, pace.done, pace.resumed = target.head.size, 0, target.text, 0
                pace.least_s = pace.least_s * 0.9 if pace.least_s > _LOOK_S else 0.0
                if target is self._target:
                    self._cosigned.add(pace.id)
                return pace.least_s
            case Meaning.RESUME:
                # At the start, and where it was fed by somebody else. Twice in a row it is not believed at once.
                pace.old, pace.resumed = answer.size, pace.resumed + 1
                return 0.0 if pace.resumed < 2 else _REFUSED_S
            case Meaning.LATER:
                if answer.words.startswith("it answers 429"):
                    pace.least_s = min(_SLOWEST_S, max(1.0, pace.least_s * 2))
                pause_s = _AGAIN_S[min(pace.fails, len(_AGAIN_S) - 1)]
                pace.fails += 1
                return max(pause_s, pace.least_s)
            case _:
                pace.done = target.text
                return _REFUSED_S

    def _proof(self, old: int, size: int) -> Sequence[bytes]:
        return () if old in (0, size) else prove_consistency(TileReader(self._fetch, size), old, size)

    async def _ask(self, pace: _Pace, target: _Target, proof: Sequence[bytes]) -> tuple[WitnessAnswer, str]:
        body = submission_body(pace.old, proof, target.note)
        try:
            status, media_type, answered = await self._send("POST", f"{pace.url}/add-checkpoint", body)
        except TimeoutError:
            return WitnessAnswer(meaning=Meaning.LATER, words="it does not answer in time"), ""
        except (OSError, InputError) as error:
            words = error.detail if isinstance(error, InputError) else type(error).__name__
            return WitnessAnswer(meaning=Meaning.LATER, words=f"it does not answer ({words})"), ""
        answer = judge_answer(
            status, media_type, answered, text=target.text, size=target.head.size, cosigners=pace.cosigners
        )
        if answer.meaning is not Meaning.ALARM:
            return answer, ""
        return answer, await self._other(pace, target)

    async def _other(self, pace: _Pace, target: _Target) -> str:
        """Return the checkpoint that a witness cosigned last, where it shows one that the log's key signed."""
        shown = f"{pace.url}/{sha256(target.head.origin.encode()).hexdigest()}/checkpoint"
        try:
            status, _, note = await self._send("GET", shown, b"")
            if status == 200 and open_checkpoint(note, [self._log]).origin == target.head.origin:
                return note.decode()
        except (OSError, TimeoutError, InputError, VerificationError):
            pass
        return ""

    async def _send(self, method: str, url: str, body: bytes) -> tuple[int, str, bytes]:
        from httpx2 import HTTPError, InvalidURL

        data = bytearray()
        try:
            async with (
                asyncio.timeout(_ANSWER_S),
                self._client.stream(method, url, content=body or None) as answer,
            ):
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise InputError("an encoding that was not asked for")
                async for part in answer.aiter_raw():
                    data += part
                    if len(data) > MOST_ANSWER:
                        raise InputError("too long an answer")
        except (HTTPError, InvalidURL) as error:
            raise InputError(type(error).__name__) from error
        return answer.status_code, answer.headers.get("content-type", ""), bytes(data)
