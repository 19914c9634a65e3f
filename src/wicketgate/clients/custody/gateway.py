"""The gateway as custody asks it: what waits, what was counted and run, looks by people, and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from wicketgate.base.errors import InputError, NotEntitled, Unreachable
from wicketgate.clients.verify.remote import HttpAnswer, Remote
from wicketgate.ledger.merkle import consistency_ranges, root

MOST_ANSWER: Final = 8 << 20
_PASSED_S: Final = 60.0


_Told = TypeVar("_Told")


class WaitingQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question that custody is to go on with."""

    id: str
    step: str
    authority: str
    question: dict[str, Any]
    cameras: list[list[str]]


class _WaitingQuestions(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/custody/{authority}/searches`."""

    searches: list[WaitingQuestion]


class StandingSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A question as the gateway shows it: what custody looks at."""

    id: str
    status: str
    root: str = ""
    until: str = ""
    rows: int | None = None


class JournalHead(msgspec.Struct, frozen=True, kw_only=True):
    """The last checkpoint that the gateway recorded."""

    size: int
    batch: int
    root: str | None = None


class PassedAnswer(NamedTuple):
    """An answer of the gateway to a person, as it came."""

    status: int
    body: bytes
    media_type: str
    headers: Mapping[str, str]


class CustodyGateway:
    """The gateway of one custody. It may be asked from any thread.

    Parameters
    ----------
    remote : Remote
        With the unit's token.
    feed : str
        The authority's name.
    """

    def __init__(self, remote: Remote, feed: str) -> None:
        self._remote = remote
        self._path = f"/v1/custody/{quote(feed, safe='')}"
        self._people = httpx.Client(base_url=remote.base_url, timeout=_PASSED_S, follow_redirects=False)

    def close(self) -> None:
        """Close the connections for people."""
        self._people.close()

    # --- as the unit's machine --------------------------------------------------------------------------------

    def waiting(self) -> list[WaitingQuestion]:
        """Return the questions that wait."""
        answer = self._told(self._remote.get(f"{self._path}/searches", most=MOST_ANSWER), 200)
        return _read(answer, _WaitingQuestions).searches

    def counted(self, id_: str, vehicles: int) -> StandingSearch:
        """Have a count committed."""
        return self._say(f"{self._path}/searches/{id_}/count", {"vehicles": vehicles})

    def too_many(self, id_: str, step: str, rows: int) -> StandingSearch:
        """Have a question refused that means more rows than one answer may have."""
        said: dict[str, object] = {"vehicles": 0, "rows": rows}
        if step != "count":
            said["root"] = root([]).hex()
        return self._say(f"{self._path}/searches/{id_}/{'count' if step == 'count' else 'run'}", said)

    def answered(self, id_: str, *, rows: int, vehicles: int, root: str, listed: int) -> StandingSearch:
        """Have a run committed."""
        said = {"rows": rows, "vehicles": vehicles, "root": root, "listed": listed}
        return self._say(f"{self._path}/searches/{id_}/run", said)

    def _say(self, path: str, said: Mapping[str, object]) -> StandingSearch:
        answer = self._told(self._remote.post(path, msgspec.json.encode(said), most=MOST_ANSWER), 200)
        return _read(answer, StandingSearch)

    def last_checkpoint(self) -> JournalHead:
        """Return the last checkpoint of this custody's journal that was recorded."""
        answer = self._told(self._remote.get(f"{self._path}/checkpoints", most=MOST_ANSWER), 200)
        return _read(answer, JournalHead)

    def checkpoint(self, leaves: Sequence[bytes], batch: int) -> None:
        """Have a checkpoint of the journal committed, with the proof that it goes on from the last one.

        Raises
        ------
        InputError
            `custody-not-extended` where it does not: this folder is older than what was committed, or another one.
        """
        last = self.last_checkpoint()
        if last.size > len(leaves) or (last.size and root(leaves[: last.size]).hex() != last.root):
            raise InputError(
                "the journal here is no continuation of the last checkpoint: this folder is an older copy, or another "
                "custody's",
                code="custody-not-extended",
            )
        if last.size == len(leaves) and last.batch >= batch:
            return
        proof = [
            root(leaves[first:end]).hex()
            for first, end in (consistency_ranges(last.size, len(leaves)) if last.size else ())
        ]
        said = {
            "size": len(leaves),
            "root": root(leaves).hex(),
            "consistency": proof,
            "batch": max(batch, last.batch),
        }
        self._told(
            self._remote.post(f"{self._path}/checkpoints", msgspec.json.encode(said), most=MOST_ANSWER), 201
        )

    @staticmethod
    def _told(answer: HttpAnswer, status: int) -> HttpAnswer:
        if answer.status in (401, 403):
            raise NotEntitled(
                f"the gateway lets this custody not say so: {answer.code or answer.status}",
                code=answer.code or "not-entitled",
            )
        if answer.status != status:
            raise InputError(
                f"the gateway did not take what custody said: {answer.code or answer.status}",
                code=answer.code or "malformed",
            )
        return answer

    # --- as a person ------------------------------------------------------------------------------------------

    def look(self, id_: str, authorization: str, said: Mapping[str, object]) -> PassedAnswer:
        """Have a look at a page committed, by the person whose credential this is."""
        return self.passed(
            "POST", f"/v1/searches/{quote(id_, safe='')}/looks", authorization, msgspec.json.encode(said)
        )

    def passed(self, method: str, path: str, authorization: str, body: bytes) -> PassedAnswer:
        """Return the gateway's answer to a person, whose credential is passed on and kept nowhere.

        Raises
        ------
        Unreachable
            If the gateway does not answer.
        """
        headers = {
            "authorization": authorization,
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if body:
            headers["content-type"] = "application/json"
        try:
            with self._people.stream(method, path, headers=headers, content=body or None) as response:
                data = bytearray()
                for chunk in response.iter_raw():
                    data += chunk
                    if len(data) > MOST_ANSWER:
                        raise Unreachable("the gateway's answer is longer than it can be")
                kept = {"retry-after", "www-authenticate"}
                return PassedAnswer(
                    response.status_code,
                    bytes(data),
                    response.headers.get("content-type", "application/json"),
                    {name: value for name, value in response.headers.items() if name in kept},
                )
        except httpx.HTTPError as error:
            raise Unreachable(f"the gateway cannot be reached ({type(error).__name__})") from error


def _read(answer: HttpAnswer, kind: type[_Told]) -> _Told:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("the gateway answered something else than this version's") from error
