"""The registers of keepers that a gateway can ask: one enquiry, one answer, within bounds of time, bytes and number.

Nothing is asked twice: an enquiry that was not answered may have been counted. Nothing of an answer is kept or logged.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from wicketgate.base.clock import MINUTE_US, SECOND_US, Clock
from wicketgate.base.errors import ConfigurationError, InputError, StreamError, Unreachable
from wicketgate.base.register_settings import RegisterSettings
from wicketgate.gateway.keepers.adapters import (
    MOST_ANSWER,
    Enquiry,
    KeeperOfRegister,
    RegisterAdapter,
    RegisterRequest,
    VehicleOfRegister,
)

if TYPE_CHECKING:
    from httpx2 import AsyncClient

MOST_AT_ONCE: Final = 8
"""Links that one register is asked about at once."""
_LONGEST_WAIT_S: Final = 3600


class KeeperRegister:
    """One register, by its settings.

    Raises
    ------
    ConfigurationError
        If there is no adapter of that name.
    """

    def __init__(self, settings: RegisterSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._adapter = _adapter(settings)
        self._client: AsyncClient | None = None
        self._asked: deque[int] = deque()
        self._under_way = 0
        self._closed_until_us = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take one of the enquiries of this minute, before anything is committed.

        Raises
        ------
        StreamError
            `busy`: as many are under way, or were made in this minute, as may be, or the register asked for a pause.
        """
        now_us = self._clock.now_us()
        while self._asked and self._asked[0] <= now_us - MINUTE_US:
            self._asked.popleft()
        full = self._under_way >= MOST_AT_ONCE or len(self._asked) >= self.settings.per_minute
        if full or now_us < self._closed_until_us:
            raise StreamError(
                "the register is asked as often as it may be: try again in a moment", code="busy"
            )
        self._asked.append(now_us)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def vehicle(self, plate: str) -> VehicleOfRegister | None:
        """Return what the register says of a vehicle; None where it knows none.

        Raises
        ------
        Unreachable
            `register-unavailable`.
        """
        body = await self._post(self._adapter.vehicle_request(plate, self.settings.key))
        try:
            return None if body is None else self._adapter.vehicle_in(body, plate)
        except InputError as error:
            raise _silent("answers in another form than its adapter reads") from error

    async def keeper(self, enquiry: Enquiry) -> KeeperOfRegister | None:
        """Return who kept one vehicle on one day; None where the register knows nobody.

        Raises
        ------
        Unreachable
            `register-unavailable`.
        """
        body = await self._post(self._adapter.keeper_request(enquiry, self.settings.key))
        try:
            return None if body is None else self._adapter.keeper_in(body, enquiry)
        except InputError as error:
            raise _silent("answers in another form than its adapter reads") from error

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, request: RegisterRequest) -> bytes | None:
        from httpx2 import HTTPError, InvalidURL

        if self._client is None:
            self._client = await asyncio.to_thread(_make_client, self.settings.seconds)
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self.settings.seconds),
                self._client.stream(
                    "POST",
                    self.settings.url + request.path,
                    content=json.dumps(request.body).encode(),
                    headers={"Content-Type": "application/json", **request.headers},
                ) as answer,
            ):
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise _silent("answers in an encoding that was not asked for")
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > MOST_ANSWER:
                        raise _silent("answers with too much")
        except TimeoutError:
            raise _silent("does not answer in time") from None
        except (HTTPError, InvalidURL, OSError) as error:
            # Its cause may hold what was sent.
            raise _silent(f"does not answer ({type(error).__name__})") from None
        if answer.status_code == 404:
            return None
        if answer.status_code in (429, 503):
            self._pause(answer.headers.get("retry-after", ""))
        if answer.status_code != 200:
            raise _silent(f"answers with {answer.status_code}")
        return bytes(body)

    def _pause(self, retry_after: str) -> None:
        wait_s = int(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else 1
        until_us = self._clock.now_us() + min(wait_s, _LONGEST_WAIT_S) * SECOND_US
        self._closed_until_us = max(self._closed_until_us, until_us)


class Registers:
    """The registers of a gateway, by name."""

    def __init__(self, settings: Mapping[str, RegisterSettings], clock: Clock) -> None:
        self._registers = {name: KeeperRegister(one, clock) for name, one in settings.items()}

    def first_of(self, names: Iterable[str]) -> KeeperRegister:
        """Return the first register of those named that this gateway can ask.

        Raises
        ------
        Unreachable
            `register-unavailable` where it can ask none of them.
        """
        for name in names:
            if name in self._registers:
                return self._registers[name]
        raise Unreachable(
            "this gateway can ask none of the authority's registers", code="register-unavailable"
        )

    async def close(self) -> None:
        """Close all connections."""
        for one in self._registers.values():
            await one.close()


def _adapter(settings: RegisterSettings) -> RegisterAdapter:
    name = f"wicketgate.gateway.keepers.adapters.{settings.adapter}"
    try:
        return cast(RegisterAdapter, import_module(name))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"[registers.{settings.name}]: there is no adapter `{settings.adapter}`"
        ) from error


def _silent(what: str) -> Unreachable:
    return Unreachable(f"the register {what}", code="register-unavailable")


def _make_client(seconds: int) -> AsyncClient:
    from httpx2 import AsyncClient, Limits

    return AsyncClient(
        timeout=seconds,
        follow_redirects=False,
        limits=Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=MOST_AT_ONCE),
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )
