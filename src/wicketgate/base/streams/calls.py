"""Calls between roles, over core NATS: a role asks the sequencer, and gets an answer.

Asks and answers are sealed (`sealed`): whoever else reads the streams sees lengths and times, and can forge neither.
A message larger than the server takes goes in parts. Nothing is stored: an ask without an answer is asked again, or
not, by whoever asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from wicketgate.base.aside import TasksAside
from wicketgate.base.errors import InputError, NoAnswer, NotEntitled, StreamError, WicketgateError
from wicketgate.base.roles import KnownRole, RoleBook, RoleCredential
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.sealed import (
    OVERHEAD,
    SESSION_BYTES,
    Numbers,
    SealedPart,
    SealedSession,
    SessionOpening,
    caller_in,
    welcome_to,
)

log = logging.getLogger(__name__)

MOST_BYTES: Final = 64 << 20
"""Bytes of an ask or an answer."""
_PART: Final = 1 << 20
_ROOM: Final = 512  # bytes of a message's headers
_MOST_HELD: Final = 2 * MOST_BYTES  # bytes of one session whose last parts have not come
_MOST_UNDER_WAY: Final = 4096  # asks of one session
_PARTS_S: Final = 30.0
_SESSION_S: Final = 60.0  # then a role begins another one
_FORGET_S: Final = 300.0  # then the sequencer has forgotten it
_HELLO_S: Final = 5.0
_MOST_SESSIONS: Final = 4  # of one role
_MOST_HELLOS: Final = 64  # sessions of all roles in which nothing was asked yet
_WHERE: Final = 8
_INBOXES: Final = "_INBOX."
_DONE: Final = b"\x00"
_REFUSED: Final = b"\x01"
_ERRORS: Final[dict[str, type[WicketgateError]]] = {
    kind.__name__: kind for kind in (StreamError, InputError, NotEntitled)
}

AskHandler: TypeAlias = Callable[[KnownRole, bytes], Awaitable[bytes]]
"""Answers an ask of a role. A `WicketgateError` that it raises is raised where it was asked."""


def root_of(sequencer: bytes) -> str:
    """Return the beginning of every subject of a sequencer, by its public key."""
    return f"WICKETGATE.{hashlib.sha256(sequencer).hexdigest()[:16]}"


class _RefusedAsk(msgspec.Struct, frozen=True, array_like=True):
    """Why nothing was done: an error, as it is raised."""

    error: str
    detail: str
    code: str

    @classmethod
    def of(cls, error: WicketgateError) -> _RefusedAsk:
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS]
        return cls(kinds[0] if kinds else StreamError.__name__, error.detail, error.code)

    def raised(self) -> WicketgateError:
        return _ERRORS.get(self.error, StreamError)(self.detail, code=self.code)


class _PartsHeld:
    """The parts of one message that have come."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.bytes = 0
        self._parts: dict[int, bytes] = {}

    def take(self, one: SealedPart) -> bytes | None:
        """Return the message, once all of it is there.

        Raises
        ------
        StreamError
            If it is larger than any may be.
        """
        if one.part not in self._parts:
            self._parts[one.part] = one.data
            self.bytes += len(one.data)
        if self.bytes > MOST_BYTES or not one.part < one.parts <= 1 + MOST_BYTES // 1024:
            raise _too_large(self.bytes)
        if len(self._parts) < one.parts:
            return None
        return b"".join(self._parts[number] for number in sorted(self._parts))


def _too_large(size: int) -> StreamError:
    return StreamError(f"a message of {size} bytes is too large for a call between roles", code="too-large")


def _parts_of(link: Link, session: SealedSession, number: int, data: bytes) -> Iterator[bytes]:
    size = min(_PART, link.client.max_payload - OVERHEAD - _ROOM)
    count = max(1, -(-len(data) // size))
    for part in range(count):
        yield session.seal(number, part, count, data[part * size : (part + 1) * size])


# --- the role's side --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Question:
    session: SealedSession
    answer: asyncio.Future[bytes]
    gathering: _PartsHeld


class Asking:
    """A role's way to ask the sequencer.

    Parameters
    ----------
    credential : RoleCredential
        Whose asks they are, and whose answers count.
    """

    def __init__(self, link: Link, credential: RoleCredential) -> None:
        self._link = link
        self._credential = credential
        self._root = root_of(credential.sequencer)
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._session: SealedSession | None = None
        self._begun_s = 0.0
        self._beginning = asyncio.Lock()
        self._number = 0
        self._asked: dict[int, _Question] = {}

    async def open(self) -> Asking:
        """Begin to hear answers."""
        self._inbox = self._link.client.new_inbox()
        self._subscription = await self._link.client.subscribe(f"{self._inbox}.*", cb=self._heard)
        return self

    async def close(self) -> None:
        """Hear no more answers; what is asked still has none."""
        self._session = None
        for asked in list(self._asked.values()):
            _fail(asked.answer, NoAnswer("this role ends"))
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._link.client.is_closed:
            await subscription.unsubscribe()

    async def ask(self, subject: str, data: bytes, timeout_s: float, *, again: bool = False) -> bytes:
        """Return the sequencer's answer.

        Parameters
        ----------
        subject : str
            One word that says what is asked.
        again : bool
            Whether it may be asked twice: then a sequencer that has begun anew is asked again.

        Raises
        ------
        NoAnswer
            If there is none in time; what was asked may have been done.
        NotEntitled
            With the code `role-withdrawn`: the sequencer does not know this role (any more).
        StreamError
            With the code `too-large`, if the data or the answer is.
        WicketgateError
            As the sequencer's handler raised it.
        """
        if len(data) > MOST_BYTES:
            raise _too_large(len(data))
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        try:
            return await self._ask(subject, data, until)
        except NoAnswer:
            if not again or self._session is not None or loop.time() >= until:
                raise
        return await self._ask(subject, data, until)

    async def _ask(self, subject: str, data: bytes, until: float) -> bytes:
        loop = asyncio.get_running_loop()
        session = await self._in_session(until)
        self._number += 1
        number = self._number
        answer: asyncio.Future[bytes] = loop.create_future()
        self._asked[number] = _Question(session, answer, _PartsHeld(until))
        where = f"{self._root}.ask.{session.id[:_WHERE].hex()}.{subject}"
        try:
            async with asyncio.timeout_at(until):
                for part in _parts_of(self._link, session, number, data):
                    await self._link.client.publish(where, part, reply=f"{self._inbox}.{number}")
                said = await answer
        except (TimeoutError, NatsError, OSError) as error:
            self._drop(session)  # it may be known there no longer: the next ask begins anew
            raise NoAnswer("the sequencer does not answer") from error
        except NotEntitled:
            self._drop(session)
            raise
        finally:
            del self._asked[number]
        if said[:1] == _DONE:
            return said[1:]
        refused = msgspec.msgpack.decode(said[1:], type=_RefusedAsk).raised()
        if refused.code in {"role-withdrawn", "standby"}:  # another sequencer may be asked next
            self._drop(session)
        raise refused

    def _drop(self, session: SealedSession) -> None:
        if self._session is session:
            self._session = None

    async def _in_session(self, until: float) -> SealedSession:
        loop = asyncio.get_running_loop()
        if not self._link.client.is_connected:
            raise NoAnswer("the streams are away")  # what is kept for later would be done when nobody waits
        try:
            async with asyncio.timeout_at(until), self._beginning:
                if self._session is None or loop.time() - self._begun_s > _SESSION_S:
                    self._session = await self._begin()
                    self._begun_s = loop.time()
                return self._session
        except TimeoutError as error:
            raise NoAnswer("the sequencer does not answer") from error

    async def _begin(self) -> SealedSession:
        opening = SessionOpening(self._credential.key, self._credential.sequencer)
        try:
            welcome = await self._link.client.request(f"{self._root}.hello", opening.hello, timeout=_HELLO_S)
        except (TimeoutError, NatsError, OSError) as error:
            raise NoAnswer("the sequencer does not answer") from error
        if not welcome.data:
            raise NotEntitled("the sequencer does not know this role", code="role-withdrawn")
        try:
            return opening.welcomed(welcome.data)
        except InputError as error:
            raise NoAnswer("somebody else answers in the sequencer's place") from error

    async def _heard(self, message: Msg) -> None:
        tail = message.subject.rpartition(".")[2]
        asked = self._asked.get(int(tail)) if tail.isdigit() else None
        if asked is None or asked.answer.done():
            return
        if len(message.data) < OVERHEAD:
            # Nobody listens there, or they do not know the session.
            self._drop(asked.session)
            _fail(asked.answer, NoAnswer("the sequencer has begun anew"))
            return
        try:
            part = asked.session.open(message.data)
            whole = asked.gathering.take(part) if part.number == int(tail) else None
        except InputError:
            return  # somebody else's: the sequencer's may follow
        except StreamError as error:
            _fail(asked.answer, error)
            return
        if whole is not None:
            asked.answer.set_result(whole)


def _fail(answer: asyncio.Future[bytes], error: WicketgateError) -> None:
    if not answer.done():
        answer.set_exception(error)


# --- the sequencer's side ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _HeldSession:
    """A session at the sequencer."""

    session: SealedSession
    key: bytes
    begun_s: float
    is_used: bool = False
    numbers: Numbers = field(default_factory=Numbers)
    gathering: dict[int, _PartsHeld] = field(default_factory=dict)
    under_way: int = 0


class _AnsweredSubject(NamedTuple):
    handler: AskHandler
    roles: Collection[str]


class Answering:
    """The sequencer's answers to roles.

    Parameters
    ----------
    book : RoleBook
        Who is answered: a role that it has no longer is told so at its next ask, and nothing is done.
    """

    def __init__(self, link: Link, book: RoleBook) -> None:
        self._link = link
        self._book = book
        self._root = root_of(book.public)
        self._where = secrets.token_bytes(_WHERE)
        self._answerers: dict[str, _AnsweredSubject] = {}
        self._sessions: dict[bytes, _HeldSession] = {}
        self._subscriptions: list[Subscription] = []
        self._working = TasksAside()

    def answer(self, subject: str, handler: AskHandler, roles: Collection[str]) -> None:
        """Let a handler answer a subject's asks of these roles, from now on."""
        self._answerers[subject] = _AnsweredSubject(handler, roles)

    async def open(self) -> Answering:
        """Begin to answer."""
        client = self._link.client
        self._subscriptions = [
            await client.subscribe(f"{self._root}.hello", cb=self._greeted),
            await client.subscribe(f"{self._root}.ask.{self._where.hex()}.*", cb=self._heard),
        ]
        return self

    async def close(self) -> None:
        """Answer no more; what is under way is not waited for."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            if not self._link.client.is_closed:
                await subscription.unsubscribe()
        self._sessions.clear()

    async def _greeted(self, message: Msg) -> None:
        try:
            key = caller_in(message.data)
            if self._book.find(key) is None:
                await self._say(message.reply, b"")
                return
            welcome, session = welcome_to(self._book.key, message.data, self._where)
        except InputError:
            return  # of somebody who has no role's key
        self._make_room(key)
        self._sessions[session.id] = _HeldSession(session, key, asyncio.get_running_loop().time())
        await self._say(message.reply, welcome)

    def _make_room(self, key: bytes) -> None:
        """End sessions that are past their time, or one too many.

        A hello that is sent again by somebody else begins a session in which nothing can be asked: these push out only
        one another.
        """
        now = asyncio.get_running_loop().time()
        for name in [name for name, held in self._sessions.items() if now - held.begun_s > _FORGET_S]:
            del self._sessions[name]
        unused = [name for name, held in self._sessions.items() if not held.is_used]
        of_role = [name for name, held in self._sessions.items() if held.is_used and held.key == key]
        for names, most in ((unused, _MOST_HELLOS), (of_role, _MOST_SESSIONS)):
            for name in names[: max(0, len(names) + 1 - most)]:
                del self._sessions[name]

    async def _heard(self, message: Msg) -> None:
        held = self._sessions.get(message.data[:SESSION_BYTES])
        if held is None:
            await self._say(message.reply, b"")
            return
        try:
            part = held.session.open(message.data)
        except InputError:
            return
        held.is_used = True
        try:
            whole = self._gathered(held, part)
        except WicketgateError as error:
            await self._refuse(held, part.number, message.reply, error)
            return
        if whole is not None:
            self._begin(held, part.number, message, whole)

    def _gathered(self, held: _HeldSession, part: SealedPart) -> bytes | None:
        now = asyncio.get_running_loop().time()
        gathering = held.gathering.get(part.number)
        if gathering is None:
            if not held.numbers.is_new(part.number):
                return None  # it was asked before: somebody sends it again
            for number in [number for number, one in held.gathering.items() if one.until < now]:
                del held.gathering[number]
            if held.under_way + len(held.gathering) >= _MOST_UNDER_WAY:
                raise StreamError("too much is asked at once", code="busy")
            gathering = held.gathering[part.number] = _PartsHeld(now + _PARTS_S)
        try:
            whole = gathering.take(part)
            if whole is None and sum(one.bytes for one in held.gathering.values()) > _MOST_HELD:
                raise StreamError("too much is asked at once", code="busy")
        except StreamError:
            del held.gathering[part.number]
            raise
        if whole is not None:
            del held.gathering[part.number]
        return whole

    def _begin(self, held: _HeldSession, number: int, message: Msg, data: bytes) -> None:
        held.under_way += 1
        subject = message.subject.rpartition(".")[2]
        working = self._working.begin(self._answered(held, number, message.reply, subject, data))

        def ended(work: asyncio.Task[None]) -> None:
            held.under_way -= 1
            if not work.cancelled() and (error := work.exception()) is not None:
                log.error("an ask of `%s` failed: %s", subject, type(error).__name__)
                internal = StreamError("something is wrong at the sequencer", code="internal")
                self._working.begin(self._refuse(held, number, message.reply, internal))

        working.add_done_callback(ended)

    async def _answered(self, held: _HeldSession, number: int, reply: str, subject: str, data: bytes) -> None:
        try:
            role, answerer = self._book.find(held.key), self._answerers.get(subject)
            if role is None:
                self._sessions.pop(held.session.id, None)
                raise NotEntitled("this role was withdrawn", code="role-withdrawn")
            if answerer is None or role.role not in answerer.roles:
                raise NotEntitled(f"a {role.role} may not ask for `{subject}`")
            said = await answerer.handler(role, data)
            if len(said) >= MOST_BYTES:
                raise _too_large(len(said))
        except WicketgateError as error:
            await self._refuse(held, number, reply, error)
        else:
            await self._send(held, number, reply, _DONE + said)

    async def _refuse(self, held: _HeldSession, number: int, reply: str, error: WicketgateError) -> None:
        await self._send(held, number, reply, _REFUSED + msgspec.msgpack.encode(_RefusedAsk.of(error)))

    async def _send(self, held: _HeldSession, number: int, reply: str, data: bytes) -> None:
        for part in _parts_of(self._link, held.session, number, data):
            await self._say(reply, part)

    async def _say(self, reply: str, data: bytes) -> None:
        if not reply.startswith(_INBOXES):
            return  # whoever asks so would have the sequencer write to a stream
        try:
            await self._link.client.publish(reply, data)
        except (NatsError, OSError, ValueError):
            log.debug("an answer could not be sent")
