"""A simulated duty officer.

It looks at each hit as a person would, and records what became of it.

What the officer sees on an image is taken from the cameras' own record of what really passed; the image itself is
fetched, so that the gateway knows that it was looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate_demo.judge.evidence import Attempt, Sent

BY = "duty officer, simulated"
_PAUSE_S = 0.5
_FINISH_S = 5.0
_AT_ONCE = 500
_decode = msgspec.json.Decoder(Sent).decode


class Record:
    """The cameras' own record, read on as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""
        self._passed: dict[tuple[str, str, str], list[Sent]] = {}

    def read_on(self) -> None:
        """Take the new whole lines.

        What is not a whole line yet waits.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            sent = _decode(line)
            if sent.camera is not None:
                for plate in (sent.plate, *sent.others):
                    self._passed.setdefault((sent.source, sent.camera, plate), []).append(sent)

    def find(self, read: Mapping[str, Any]) -> Sent | None:
        """Return the vehicle behind a read, or None.

        It is what really passed when the read was made, if that is written down already.
        """
        at_us = parse_rfc3339(read["captured_at"])
        for sent in self._passed.get((read["source"], read["camera"], read["plate"]), ()):
            sent_us = parse_rfc3339(sent.captured_at)
            if sent_us - sent.slack_us <= at_us <= sent_us:
                return sent
        return None


class DutyOfficer:
    """The officer at the queue of hits, until cancelled.

    Parameters
    ----------
    headers : mapping
        With the token of the unit, for what machines do.
    as_person : callable
        Returns the header with the session of whoever says what came of a hit; empty where nobody is named.

    Attributes
    ----------
    outcomes : Counter of str
        What was recorded.
    images : dict of str to str
        References of the images that were looked at, to the SHA-256 of what came.
    refused : Counter of str
        Codes of outcomes that the gateway would not take.
    faults : list of str
        What should not have happened.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        headers: Mapping[str, str],
        as_person: Callable[[], Mapping[str, str]],
        record: Path,
    ) -> None:
        self._client = client
        self._headers = dict(headers)
        self._as_person = as_person
        self._mine: Mapping[str, str] = headers
        self._record = Record(record)
        self.outcomes: Counter[str] = Counter()
        self.images: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self.faults: list[str] = []

    async def work(self) -> None:
        """Answer hits as they come."""
        while True:
            with contextlib.suppress(httpx.HTTPError, ValueError):  # the gateway is away; the queue waits
                await self.answer_queue()
            await asyncio.sleep(_PAUSE_S)

    async def finish(self) -> None:
        """Answer what is left, as long as there is something to say, for some seconds at most.

        A machine that is busy lets pictures and sessions come late; what is never ready waits in the queue.
        """
        until_s = time.monotonic() + _FINISH_S
        while time.monotonic() < until_s:
            said = self.outcomes.total()
            with contextlib.suppress(httpx.HTTPError, ValueError):
                if await self.answer_queue() == 0 and self.outcomes.total() == said > 0:
                    return
            await asyncio.sleep(_PAUSE_S)

    async def answer_queue(self) -> int:
        """Answer the hits ready for it, and return the number of the rest."""
        self._record.read_on()
        self._mine = self._as_person() or self._headers  # a gateway that starts anew ends every session
        answer = await self._client.get(
            "/v1/hits", params={"state": "queue", "limit": _AT_ONCE}, headers=self._mine
        )
        if answer.status_code != 200:
            return 0
        waiting = 0
        for hit in answer.json()["hits"]:
            sent = self._record.find(hit["read"])
            if sent is None or not await self._answer(hit, sent):
                waiting += 1
        return waiting

    async def _answer(self, hit: Mapping[str, Any], sent: Sent) -> bool:
        """Record the outcome of one hit.

        It is False if nothing can be said of it yet.
        """
        image = hit["read"].get("patch_image")
        if image is not None and image["ref"] not in self.images:
            picture = await self._client.get(image["href"], headers=self._mine)
            if picture.status_code == 200:
                self.images[image["ref"]] = hashlib.sha256(picture.content).hexdigest()
            else:
                self.faults.append(f"an image of a hit answers {picture.status_code}")
        elif image is None and hit["quality"] == "possible" and hit["cannot_confirm"] is not None:
            # There is nothing to look at: it waits for a second read, or for its end.
            return False
        if hit["status"] == "open" and sent.truth != hit["listed"]["plate"]:
            return await self._say(hit, "misread", "the plate in the picture is another one")
        if hit["status"] == "open" and not await self._say(hit, "confirmed", "", seen=sent.truth):
            return False
        if sent.role == "clone":
            return await self._say(hit, "not-acted", "another vehicle than the one listed bears the plate")
        if hit["priority"] <= 2:
            return await self._say(hit, "acted", "a patrol was sent")
        return await self._say(hit, "not-acted", "no patrol was near")

    async def pass_on(self, authority: str) -> list[Attempt]:
        """Tell of a row passed on.

        Once it went to somebody whom the authority names, and once to somebody whom it does not.
        """
        made = []
        for to, law, wanted in (
            ("dvla", "Vehicle Excise and Registration Act 1994", "recorded"),
            ("home-office", "none", "onward-not-allowed"),
        ):
            answer = await self._client.post(
                "/v1/disclosures",
                json={"authority": authority, "to": to, "law": law, "rows": 1, "case": "an invented case"},
                headers=self._headers,
            )
            code = "recorded" if answer.status_code == 201 else str(answer.json().get("code", ""))
            made.append(
                Attempt(
                    what=f"passed on to {to}", wanted=wanted, status=answer.status_code, code=code, powers=0
                )
            )
        return made

    async def _say(self, hit: Mapping[str, Any], outcome: str, reason: str, seen: str = "") -> bool:
        answer = await self._client.post(
            f"/v1/hits/{hit['id']}/outcome",
            json={"outcome": outcome, "reason": reason, "by": BY, "plate_seen": seen},
            headers=self._mine,
        )
        if answer.status_code == 200:
            self.outcomes[outcome] += 1
            return True
        if "json" in answer.headers.get("content-type", ""):
            self.refused[str(answer.json().get("code", answer.status_code))] += 1
        return False
