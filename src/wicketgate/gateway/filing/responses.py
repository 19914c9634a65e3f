"""The filing of the public's responses to a consultation.

A response is taken while the consultation is open, kept, and published once it has closed.

A response takes the way of everything: COMMITS first, as a salted fact and with its text; the stream of its
consultation is a projection of that. docs/spec/responses.md has the rules.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from wicketgate.base.clock import Clock
from wicketgate.base.errors import DocumentRefused, InputError, StreamError
from wicketgate.base.signing import canonical
from wicketgate.commits.durable import Durable
from wicketgate.commits.state import State
from wicketgate.commits.transactions import ResponseGiven, Transaction
from wicketgate.gateway.filing.facts import response_fact
from wicketgate.gateway.filing.purges import DuePurge, PurgeFiling
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.regime.fold import ConsultationTaken
from wicketgate.regime.members import Members
from wicketgate.regime.standing import consultation_status, responses_until

if TYPE_CHECKING:  # a reader loads no writer
    from wicketgate.commits.writer import Commits
    from wicketgate.gateway.projections import Projections

MOST_TEXT = 10_000
MOST_NAME = 100
MOST_ORGANISATION = 200
PAGE = 50
"""Responses that are read at once."""

_PATIENCE_S = 10.0
_PAUSE_S = 0.02
_decoder = msgspec.msgpack.Decoder(ResponseGiven)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidInPublic:
    """A response in its author's words.

    `publish` is false where it is not to be shown.
    """

    text: str
    name: str = ""
    organisation: str = ""
    publish: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The acknowledgement of a response to its author.

    Attributes
    ----------
    id : str
        By which it is published.
    received_us : int
        Microseconds since the epoch.
    fact : bytes
        What the ledger commits to: canonical JSON with its salt. It tells neither how many responses there are nor how
        busy the gateway is.
    """

    id: str
    received_us: int
    fact: bytes

    @property
    def leaf(self) -> str:
        """The hash for the proof of the fact: `/log/fact/{leaf}`."""
        return leaf_hash(self.fact).hex()


def parse_said(members: Mapping[str, Any]) -> SaidInPublic:
    """Parse a response from a JSON object or a form.

    Parameters
    ----------
    members : mapping
        `text`, and `name`, `organisation` and `publish` where they are there. An empty name is none.

    Raises
    ------
    InputError
        If the text is missing, empty or too long, holds control characters, private ones or such as turn the direction
        of writing, or there is another member: an e-mail address is not taken.
    """
    table = Members({name: _plain(value) for name, value in members.items() if value not in ("", None)})
    try:
        said = SaidInPublic(
            text=_text(table, "text", MOST_TEXT),
            name=_line(table, "name", MOST_NAME),
            organisation=_line(table, "organisation", MOST_ORGANISATION),
            publish=table.boolean("publish") if table.has("publish") else True,
        )
        table.end()
    except DocumentRefused as error:
        raise InputError(error.detail) from error
    return said


def _plain(value: object) -> object:
    # As forms send the end of a line.
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _text(table: Members, name: str, most: int) -> str:
    value = table.get(name)
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"`{name}` is not Unicode")
    text = table.text(name, most=most)
    if any(unicodedata.category(character) == "Co" for character in text):
        raise InputError(f"`{name}` holds characters of private use")  # nobody knows what they mean
    return text


def _line(table: Members, name: str, most: int) -> str:
    text = _text(table, name, most).strip() if table.has(name) else ""
    if "\n" in text or "\t" in text:
        raise InputError(f"`{name}` is more than one line")
    return text


class ResponsesHeld(ABC):
    """The responses that a gateway has taken, by its commits."""

    def __init__(self, commits: Durable, clock: Clock) -> None:
        self._durable = commits
        self._clock = clock

    async def give(self, consultation: str, said: SaidInPublic) -> Acknowledged:
        """Take a response: the gateway itself does, and nobody who follows it."""
        raise StreamError("responses are taken by the gateway alone")

    def demand_open(self, consultation: str) -> None:
        """Raise the error of `give` as of now, if there is one."""
        state = self._durable.committed
        demand_open(state, consultation, max(self._clock.now_us(), state.at_us))

    def count(self, consultation: str) -> tuple[int, int]:
        """Count the responses of a closed consultation, all and unpublished.

        Unpublished are those that are not to be shown.

        Raises
        ------
        InputError
            `unknown-consultation`, or `consultation-not-closed`: until then nobody is told.
        """
        state = self._durable.committed
        at_us = max(self._clock.now_us(), state.at_us)  # by which a response would be judged now
        if at_us < _known(state, consultation).closes_us:
            raise InputError(
                "nobody sees responses, or how many there are, before the consultation has closed",
                code="consultation-not-closed",
            )
        return state.responses.get(consultation, 0), state.responses_withheld.get(consultation, 0)

    def kept_until(self, consultation: str) -> int:
        """Return until when its responses are kept, in microseconds since the epoch, exclusive."""
        state = self._durable.committed
        covers_for = self._durable.parsed.charter(state).consulting.covers_for
        return responses_until(_known(state, consultation), covers_for)

    def demand_kept(self, consultation: str) -> None:
        """Raise an InputError, `responses-past-term`, where its responses were deleted."""
        if self._clock.now_us() >= self.kept_until(consultation):
            raise InputError(
                "the responses were deleted at the end of their term", code="responses-past-term"
            )

    @abstractmethod
    async def read(self, consultation: str, first: int, last: int) -> Sequence[ResponseGiven]:
        """Return the responses from number `first` to `last`.

        They come in the order in which they were given, unmasked and all.

        Raises
        ------
        InputError
            `responses-past-term`.
        StreamError
            If one of them cannot be read.
        """


class Responses(ResponsesHeld):
    """The responses of one gateway, over its commits."""

    def __init__(
        self,
        commits: Commits,
        projections: Projections,
        clock: Clock,
        *,
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(commits, clock)
        self._admit = admit
        self._commits = commits
        self._projections = projections
        self._ended: set[str] = set()
        self._tell = PurgeFiling(commits).tell

    async def give(self, consultation: str, said: SaidInPublic) -> Acknowledged:
        """Take a response.

        Return once it is durable.

        Raises
        ------
        InputError
            `unknown-consultation`, `consultation-not-open` or `consultation-closed`; then nothing has changed.
        StreamError
            Where nothing new may be taken (`admit`).
        """
        self._admit()
        response_id = secrets.token_hex(16)

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            demand_open(state, consultation, at_us)
            response = ResponseGiven(
                consultation=consultation,
                number=state.responses.get(consultation, 0) + 1,
                id=response_id,
                received_us=at_us,
                text=said.text,
                name=said.name,
                organisation=said.organisation,
                publish=said.publish,
            )
            fact = response_fact(response, digest(response))
            return Transaction(at_us=at_us, facts=(fact,), responses=(response,))

        _, transaction = await self._commits.commit(build)
        return Acknowledged(id=response_id, received_us=transaction.at_us, fact=transaction.facts[-1])

    def demand_open(self, consultation: str) -> None:
        """Raise the error of `give` as of now, if there is one."""
        state = self._commits.staged
        demand_open(state, consultation, max(self._clock.now_us(), state.at_us))

    async def end(self) -> list[str]:
        """Delete the responses that are past their term; return whose.

        The fold keeps how many there were, and nothing else of them.
        """
        ended: list[str] = []
        for name in self._commits.committed.responses:
            if name in self._ended or self._clock.now_us() < self.kept_until(name):
                continue
            stream = await self._projections.responses(name)
            first, last, _ = await stream.extent()
            until_us = self.kept_until(name)
            from_us = _known(self._commits.committed, name).opens_us
            await self._tell([DuePurge("responses", name, from_us, until_us, last + 1 - max(first, 1))])
            # A crash in here leaves some of them: the next start finds their term over, and deletes the rest.
            await self._projections.end_responses(name)
            self._ended.add(name)
            ended.append(name)
        return ended

    async def read(self, consultation: str, first: int, last: int) -> Sequence[ResponseGiven]:
        """Return the responses from number `first` to `last`.

        They come in the order in which they were given, unmasked and all.

        Raises
        ------
        InputError
            `responses-past-term`.
        StreamError
            If one of them cannot be read.
        """
        self.demand_kept(consultation)
        if last < first:
            return ()
        stream = await self._projections.responses(consultation)
        ends = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            found = await asyncio.gather(*(stream.get(number) for number in range(first, last + 1)))
            if None not in found:
                break
            if asyncio.get_running_loop().time() > ends:
                raise StreamError("a response cannot be read now")
            await asyncio.sleep(_PAUSE_S)  # committed, and not projected yet
        # What version 0.3 wrote stands in the open.
        keys = self._projections.response_keys(consultation)
        opened = [keys.open(data) for data in found if data is not None]
        return [_decoder.decode(data) for data in opened if data is not None]


def demand_open(state: State, consultation: str, at_us: int) -> None:
    """Raise an InputError where a consultation is not open at a time."""
    stands = consultation_status(_known(state, consultation), at_us)
    if stands == "announced":
        raise InputError("this consultation has not opened yet", code="consultation-not-open")
    if stands != "open":
        raise InputError("this consultation has closed", code="consultation-closed")


def _known(state: State, consultation: str) -> ConsultationTaken:
    taken = state.regime.consultations.get(consultation)
    if taken is None:
        raise InputError("there is no such consultation", code="unknown-consultation")
    return taken


def digest(response: ResponseGiven) -> str:
    """Return the SHA-256 of a response in its fact, in hexadecimal.

    Whoever wrote the response can compute it again.
    """
    said = {
        "consultation": response.consultation,
        "name": response.name,
        "organisation": response.organisation,
        "publish": response.publish,
        "text": response.text,
    }
    return hashlib.sha256(canonical(said)).hexdigest()
