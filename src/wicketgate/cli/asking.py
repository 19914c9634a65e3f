"""Requests of commands: each answer is bounded in bytes and time, and nobody is sent elsewhere by it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from wicketgate.base.errors import ConfigurationError, InputError, Unreachable, WicketgateError
from wicketgate.base.signing import parse_json

if TYPE_CHECKING:  # most of an officer's commands ask nobody, and it is a third of what they import
    import httpx

MOST_BYTES: Final = 64 << 20
"""Bytes of an answer: as many as a register may have."""
WHOLE_S: Final = 300.0
"""Seconds from the first byte of an answer to its last; the time-out of a request bounds each part alone."""
_KEPT: Final = ("date", "etag", "link", "retry-after")
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
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        return Response(answer.status_code, headers=kept, content=bytes(body))


def called(
    url: str,
    method: str,
    path: str,
    token: str,
    wanted: int = 200,
    *,
    timeout_s: float = 30.0,
    **request: Any,
) -> httpx.Response:
    """Call a gateway with a token, and return its answer.

    Parameters
    ----------
    token : str
        Empty for what is public.
    wanted : int
        The status of an answer.
    **request
        As for `answered`.

    Raises
    ------
    ConfigurationError
        If `url` is no address.
    Unreachable
        If it does not answer, cannot answer now, or refuses without a reason.
    WicketgateError
        If it refuses; with its own code and words.
    """
    import httpx

    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **request.pop("headers", {})}
    try:
        with httpx.Client(timeout=timeout_s) as client:
            answer = answered(client, method, f"{url.rstrip('/')}{path}", headers=headers, **request)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ConfigurationError(f"`{url}` is not the address of a gateway: {error}") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"`{url}` does not answer: {error}") from error
    if answer.status_code != wanted:
        _refuse(url, answer)
    return answer


def _refuse(url: str, answer: httpx.Response) -> None:
    body: Any
    try:
        body = parse_json(answer.content)
    except InputError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"`{url}` answers {answer.status_code} without a reason")
    detail, code = str(body.get("detail", "no detail")), str(body.get("code", answer.status_code))
    # Of 429 and 5xx the gateway has not looked at what was asked.
    kind = Unreachable if answer.status_code == 429 or answer.status_code >= 500 else WicketgateError
    raise kind(detail, code=code)
