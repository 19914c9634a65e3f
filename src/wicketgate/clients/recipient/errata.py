"""A recipient's errata: notices that rows of one feed were wrong, kept in a file beside them, and answered for.

The rows themselves come in the feed. A notice comes of an authority that has ended or is stopped, too.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.clients.verify.remote import HttpAnswer, Remote

_AT_ONCE = 1_000
_EVERY_S = 30.0
_MOST_BYTES = 1024 * 1024
_MISSING = frozenset({404, 405})
"""How a gateway answers that knows no errata."""


class ErratumNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as the gateway shows it; what else stands in one is kept as it came."""

    authority: str
    number: Annotated[int, msgspec.Meta(ge=1)]
    seq: Annotated[int, msgspec.Meta(ge=1)]
    ground: Annotated[str, msgspec.Meta(pattern=r"\A[a-z-]{1,40}\Z")]
    row: int = 0
    search: str = ""


class _NoticesShown(msgspec.Struct, frozen=True):
    errata: list[dict[str, Any]]
    more: bool


class KeptNotices(Protocol):
    """Where notices are kept, one after another."""

    path: Path

    @property
    def last(self) -> int:
        """The number of the last one."""

    def write(self, notices: list[dict[str, Any]]) -> None:
        """Keep more; on return they survive a crash."""

    def close(self) -> None:
        """Close it."""


class ErrataFile:
    """The file of a feed's notices, one JSON object a line: it knows by itself how far it goes.

    Raises
    ------
    ConfigurationError
        If it is another feed's, or damaged elsewhere than at its end.
    """

    def __init__(self, path: Path, feed: str) -> None:
        self.path = path
        self.last = 0
        self._feed = feed
        existed = path.exists()
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break  # torn: it is asked for again
            try:
                notice = checked_notice(json.loads(line), feed, self.last)
            except (ValueError, RecursionError, InputError) as error:
                self._file.close()
                raise ConfigurationError(f"`{path}` holds something else than notices of `{feed}`") from error
            self.last, end = notice.number, end + len(line)
        self._file.truncate(end)
        self._file.seek(end)
        if not existed:
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def write(self, notices: list[dict[str, Any]]) -> None:
        """Append notices; on return they survive a crash."""
        checked, last = [], self.last
        for one in notices:
            last = checked_notice(one, self._feed, last).number
            checked.append(json.dumps(one, separators=(",", ":")).encode() + b"\n")
        self._file.write(b"".join(checked))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.last = last

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def checked_notice(one: Any, feed: str, after: int) -> ErratumNotice:
    """Return a notice of a feed behind another; InputError where it is none."""
    try:
        notice = msgspec.convert(one, ErratumNotice)
    except msgspec.ValidationError as error:
        raise InputError("a notice of an erratum that cannot be read") from error
    if notice.authority != feed or notice.number <= after:
        raise InputError("a notice of an erratum that was not asked for")
    return notice


class ErrataKeeper:
    """Fetches the notices of one feed, keeps them, and tells the gateway that they are kept.

    Parameters
    ----------
    remote : Remote
        The gateway, with the unit's token.
    say : callable
        Told, in words, what people should know.
    """

    def __init__(self, remote: Remote, feed: str, kept: KeptNotices, say: Callable[[str], None]) -> None:
        self._remote = remote
        self._feed = feed
        self._kept = kept
        self._say = say
        self._told = 0
        self._due_s = 0.0
        self.count = 0
        """Notices kept in this run."""

    @property
    def is_due(self) -> bool:
        """Whether to look now, while a feed is followed."""
        return time.monotonic() >= self._due_s

    def hear(self, lines: Iterable[bytes]) -> None:
        """Look soon where one of some rows is an erratum: an erratum is alone in its batch."""
        if any(b'"erratum":' in line for line in lines):
            self._due_s = 0.0

    def look(self, patiently: Callable[[Callable[[], HttpAnswer]], HttpAnswer]) -> None:
        """Keep what is new, and say so.

        A crash behind the file leaves notices that the gateway thinks are not taken: the next look tells it.

        Parameters
        ----------
        patiently : callable
            Asks again while the gateway is unreachable.

        Raises
        ------
        InputError
            If the gateway answers something else than notices of this feed.
        """
        self._due_s = time.monotonic() + _EVERY_S
        more = True
        while more:
            answer = patiently(self._ask)
            if answer.status in _MISSING or answer.status == 403:
                return  # an earlier version's gateway, or a feed that is not this unit's: asking for it says so
            shown = self._shown(answer)
            more = shown.more
            if shown.errata:
                self._kept.write(shown.errata)
                self.count += len(shown.errata)
                grounds = sorted({str(one["ground"]) for one in shown.errata})
                self._say(
                    f"NOTE: {len(shown.errata)} rows that were received were wrong ({', '.join(grounds)}): which "
                    f"they are is in {self._kept.path}"
                )
            if self._kept.last > self._told:
                patiently(self._tell)
                self._told = self._kept.last

    def close(self) -> None:
        """Close the file."""
        self._kept.close()

    def _ask(self) -> HttpAnswer:
        asked: Mapping[str, str | int] = {
            "authority": self._feed,
            "after": self._kept.last,
            "limit": _AT_ONCE,
        }
        return self._remote.get("/v1/errata", most=_MOST_BYTES, params=asked)

    def _tell(self) -> HttpAnswer:
        body = json.dumps({"authority": self._feed, "through": self._kept.last}).encode()
        return self._remote.post("/v1/errata/taken", body, most=_MOST_BYTES)

    @staticmethod
    def _shown(answer: HttpAnswer) -> _NoticesShown:
        if answer.status != 200:
            raise InputError(f"the errata answer {answer.status} {answer.code}".rstrip())
        try:
            return msgspec.json.decode(answer.body, type=_NoticesShown)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("the errata cannot be read") from error
