"""What is fetched of organisations' providers: a small answer in JSON, within a bound of bytes and time.

The libraries are loaded when the first person comes, in a thread.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from wicketgate.base.errors import Unreachable

if TYPE_CHECKING:
    from httpx2 import AsyncClient

MOST_BYTES: Final = 256 * 1024
"""Bytes that one answer may have."""
WHOLE_S: Final = 10.0
"""How long one answer may take, from the first name looked up to its last byte."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """By what the gateway is known at a provider's token endpoint.

    `posted` sends the secret in the form, where a provider does not take it in the header.
    """

    client: str
    secret: str | None
    posted: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A provider's answer: its status, and the object that it holds."""

    status: int
    value: Mapping[str, Any]


class Fetching:
    """Fetches of providers; no redirect is followed and nothing compressed is taken."""

    def __init__(self) -> None:
        self._making: asyncio.Future[AsyncClient] | None = None

    async def get(self, url: str) -> Mapping[str, Any]:
        """Return what a provider publishes at an address.

        Raises
        ------
        Unreachable
            `provider-unreachable` where it does not answer with an object in JSON in time, or says too much.
        """
        fetched = await self._fetch("GET", url, {}, {})
        if fetched.status != 200:
            raise silent(f"answers with {fetched.status}")
        return fetched.value

    async def post(self, url: str, form: Mapping[str, str], known: ClientSecret) -> Fetched:
        """Return what a provider answers to a form.

        Raises
        ------
        Unreachable
            As `get`; a status says nothing of it.
        """
        said = dict(form)
        headers: dict[str, str] = {}
        if known.secret is None or known.posted:
            said["client_id"] = known.client
            if known.secret is not None:
                said["client_secret"] = known.secret
        else:
            headers["Authorization"] = _basic(known.client, known.secret)
        return await self._fetch("POST", url, said, headers)

    async def _fetch(
        self, method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Fetched:
        if self._making is None:  # its TLS context takes 30 ms: it is made once, in a thread
            self._making = asyncio.ensure_future(asyncio.to_thread(_make))
        client = await asyncio.shield(self._making)
        from httpx2 import HTTPError, InvalidURL

        body = bytearray()
        try:
            async with (
                asyncio.timeout(WHOLE_S),
                client.stream(method, url, data=form or None, headers=headers) as answer,
            ):
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise silent("answers in a form that was not asked for")
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise silent("answers with too much")
        except TimeoutError as error:
            raise silent("does not answer in time") from error
        except (HTTPError, InvalidURL, OSError) as error:
            raise silent(f"does not answer ({type(error).__name__})") from error
        try:
            value = json.loads(bytes(body))
        except (ValueError, RecursionError) as error:
            raise silent(f"answers with {answer.status_code}, and not in JSON") from error
        if not isinstance(value, dict):
            raise silent(f"answers with {answer.status_code}, and no object")
        return Fetched(answer.status_code, value)


def silent(what: str) -> Unreachable:
    """Return the error of a provider that is no use now."""
    return Unreachable(f"the provider {what}", code="provider-unreachable")


def _make() -> AsyncClient:
    from httpx2 import AsyncClient, Limits

    # Nothing is kept open: people sign in now and then.
    return AsyncClient(
        timeout=WHOLE_S,
        follow_redirects=False,
        limits=Limits(max_keepalive_connections=0),
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


def _basic(client: str, secret: str) -> str:
    # RFC 6749, 2.3.1: each is encoded as in a form first.
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
