"""A gateway, reached from outside.

Every answer is bounded in size and time, and redirects are not followed.
"""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from urllib.parse import quote

import httpx
import msgspec

from wicketgate.base.errors import ConfigurationError, InputError, Unreachable
from wicketgate.ledger.notes import MAX_NOTE_BYTES
from wicketgate.ledger.tiles import CHECKPOINT, MAX_RESOURCE_BYTES, Fetch

_UNREACHABLE = "unreachable"
_DEADLINE_S = 300.0
_TILES_KEPT = 256


@cache
def _trusted() -> ssl.SSLContext:
    """Return what certificates are checked against, read once: it takes longer than a request."""
    return httpx.create_ssl_context()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The status and body of an answer.

    A status of 500 or more never gets here.
    """

    status: int
    body: bytes

    @property
    def code(self) -> str:
        """The stable code of a problem (RFC 9457), or an empty text."""
        try:
            value = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
        code = value.get("code") if isinstance(value, dict) else None
        return code[:60] if isinstance(code, str) and code.isprintable() else ""


class Remote:
    """A gateway at a base address.

    Parameters
    ----------
    base_url : str
        `http://…` or `https://…`.
    token : str, optional
        Sent as a bearer token, to this address alone.
    attempts : int
        How often a request is made before an unreachable gateway is an error.
    """

    def __init__(
        self, base_url: str, *, token: str | None = None, attempts: int = 3, timeout_s: float = 30.0
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"`{base_url[:200]}` is not the address of a gateway: it begins with http or https"
            )
        # No compression: a small body could unpack to far more than `most`.
        headers = {"accept-encoding": "identity", "user-agent": "wicketgate"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self.base_url = base_url.rstrip("/")
        self._attempts = attempts
        self._timeout_s = timeout_s
        try:
            # A gateway does not choose who else is asked.
            self._client = httpx.Client(headers=headers, follow_redirects=False, verify=_trusted())
            httpx.URL(self.base_url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ConfigurationError(f"`{base_url[:200]}` is not the address of a gateway") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(
        self, path: str, *, most: int, params: Mapping[str, str | int] | None = None, wait_s: float = 0.0
    ) -> HttpAnswer:
        """Return the answer to a request for `path`.

        Its status may be any below 500.

        Parameters
        ----------
        most : int
            Bytes of the body at most.
        wait_s : float
            How much longer than usual the gateway may take.

        Raises
        ------
        Unreachable
            The gateway cannot be reached, breaks off or answers 429 or 5xx: it is worth trying again.
        InputError
            If the body is longer, or the answer is a redirect.
        """
        return self._often(lambda: self._ask("GET", path, most, params=params, wait_s=wait_s))

    def post(self, path: str, body: bytes, *, most: int) -> HttpAnswer:
        """Return the answer to a body of JSON that changes nothing, so that it may be sent again.

        It is bounded, and refused, as that of `get` is.
        """
        return self._often(lambda: self._ask("POST", path, most, body=body))

    def _often(self, ask: Callable[[], HttpAnswer]) -> HttpAnswer:
        for attempt in range(1, self._attempts + 1):
            try:
                return ask()
            except Unreachable:
                if attempt == self._attempts:
                    raise
                time.sleep(0.2 * 2**attempt)
        raise AssertionError("at least one attempt is made")

    def _ask(
        self,
        method: str,
        path: str,
        most: int,
        *,
        params: Mapping[str, str | int] | None = None,
        wait_s: float = 0.0,
        body: bytes | None = None,
    ) -> HttpAnswer:
        deadline = time.monotonic() + _DEADLINE_S + wait_s
        data = bytearray()
        timeout = httpx.Timeout(self._timeout_s, read=self._timeout_s + wait_s)
        try:
            headers = None if body is None else {"content-type": "application/json"}
            with self._client.stream(
                method, self.base_url + path, params=params, timeout=timeout, content=body, headers=headers
            ) as response:
                for chunk in response.iter_raw():
                    data += chunk
                    if len(data) > most:
                        raise InputError(f"`{path}` is longer than {most} bytes")
                    # The time-out of `httpx` bounds each chunk alone: a body in drips would never end.
                    if time.monotonic() > deadline:
                        raise Unreachable(f"`{path}` takes too long to arrive", code=_UNREACHABLE)
                status = response.status_code
                encoding = response.headers.get("content-encoding", "identity")
        except httpx.HTTPError as error:
            raise Unreachable(
                f"`{self.base_url}{path}` cannot be reached ({type(error).__name__})", code=_UNREACHABLE
            ) from error
        if status == 429 or status >= 500:
            raise Unreachable(f"`{path}` answers {status}", code=_UNREACHABLE)
        if 300 <= status < 400:
            raise InputError(f"`{path}` answers with a redirect, which is not followed")
        if encoding != "identity":
            raise InputError(f"`{path}` comes in an encoding that was not asked for")
        return HttpAnswer(status=status, body=bytes(data))

    def need(self, path: str, *, most: int) -> bytes:
        """Return the body of an answer of status 200.

        Raises
        ------
        Unreachable
            If it is not: whoever answers there shows nothing of a gateway.
        InputError
            As `get`.
        """
        answer = self.get(path, most=most)
        if answer.status != 200:
            raise _shows_nothing(path, answer)
        return answer.body

    def witnessed(self) -> bytes | None:
        """Return the newest cosigned checkpoint that the gateway shows, not verified; None where it shows none."""
        try:
            answer = self.get("/log/witnessed", most=MAX_NOTE_BYTES)
        except (InputError, Unreachable):
            return None  # what it does not show does not hold
        return answer.body if answer.status == 200 else None

    def log(self) -> Fetch:
        """Return a `Fetch` over the gateway's log.

        Full tiles are kept: they never change.
        """
        kept: OrderedDict[str, bytes] = OrderedDict()

        def fetch(path: str) -> bytes:
            if path in kept:
                kept.move_to_end(path)
                return kept[path]
            answer = self.get(f"/log/{quote(path)}", most=MAX_RESOURCE_BYTES)
            if answer.status == 404 and path != CHECKPOINT:
                raise FileNotFoundError(path)
            if answer.status != 200:
                raise _shows_nothing(f"/log/{path}", answer)
            if path.startswith("tile/") and "entries" not in path and ".p/" not in path:
                kept[path] = answer.body
                if len(kept) > _TILES_KEPT:
                    kept.popitem(last=False)
            return answer.body

        return fetch


def _shows_nothing(path: str, answer: HttpAnswer) -> Unreachable:
    """Return what is said of an answer without what every gateway has: that proves nothing of a log, good or bad."""
    code = f" ({answer.code})" if answer.code else ""
    return Unreachable(
        f"`{path}` answers {answer.status}{code}: whoever answers there shows no log. Look whether the address is the "
        "gateway's, and whether a proxy stands before it",
        code=_UNREACHABLE,
    )
