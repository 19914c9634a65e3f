"""Requests of commands: each answer is bounded in bytes and time, and nobody is sent elsewhere by it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from wicketgate.base.errors import InputError, Unreachable

if TYPE_CHECKING:  # most of an officer's commands ask nobody, and it is a third of what they import
    import httpx

MOST_BYTES: Final = 64 << 20
"""Bytes of an answer: as many as a register may have."""
WHOLE_S: Final = 300.0
"""Seconds from the first byte of an answer to its last; the time-out of a request bounds each part alone."""
PLAIN: Final = {"Accept-Encoding": "identity"}
"""Nothing compressed is asked for: a small body could unpack to any size."""


def answered(client: httpx.Client, method: str, url: str, **request: Any) -> httpx.Response:
    """Return a whole answer.

    Parameters
    ----------
    client : httpx.Client
        One that follows no redirects.
    **request
        As for `httpx.Client.stream`.

    Raises
    ------
    httpx.HTTPError, httpx.InvalidURL
        As the client does.
    InputError
        If the answer is too long, compressed, or sends somewhere else.
    Unreachable
        If it takes too long.
    """
    from httpx import Response

    request["headers"] = {**request.get("headers", {}), **PLAIN}
    body = bytearray()
    with client.stream(method, url, **request) as answer:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise InputError("the gateway answers in an encoding that was not asked for")
        if 300 <= answer.status_code < 400:
            raise InputError("the gateway answers with a redirect, which is not followed")
        until_s = time.monotonic() + WHOLE_S
        for part in answer.iter_raw():
            body += part
            if len(body) > MOST_BYTES:
                raise InputError(f"the gateway's answer is longer than {MOST_BYTES} bytes")
            if time.monotonic() > until_s:
                raise Unreachable("the gateway's answer takes too long to arrive")
        return Response(answer.status_code, content=bytes(body))
