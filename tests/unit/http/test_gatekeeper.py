"""Default deny: what answers without a credential, what one is, and what nobody reaches."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from wicketgate.base.errors import NotEntitled
from wicketgate.http.gatekeeper import (
    PUBLIC_PATHS,
    Gatekeeper,
    Principal,
    is_public,
    principal_of,
    require,
    turns_of,
)
from wicketgate.http.lost import is_lost

TOKEN = "a-token-of-the-source"
TOKENS = {hashlib.sha256(TOKEN.encode()).hexdigest(): "source:tfl"}


def call(path: str, *headers: tuple[bytes, bytes], kind: str = "http") -> tuple[int | None, Any]:
    """Return the status, and the principal that the application behind saw."""
    seen: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["principal"])

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": kind, "path": path, "headers": list(headers), "method": "GET"}
    asyncio.run(Gatekeeper(app, lambda: TOKENS)(scope, receive, send))
    if seen:
        return None, seen[0]
    if not sent:
        return None, "nothing"
    assert json.loads(sent[1]["body"])["code"] == "unauthorised"
    return sent[0]["status"], None


def bearer(token: bytes | str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + (token.encode() if isinstance(token, str) else token)


@pytest.mark.parametrize(
    ("headers", "turns"),
    [
        ((), 1),
        (((b"content-length", b"4096"),), 1),
        (((b"content-length", b"4097"),), 2),
        (((b"content-length", b"163840"),), 40),
        (((b"content-length", b"9" * 15),), 40),
        (((b"content-length", b"9" * 400),), 40),
        (((b"content-length", b"x"),), 40),
        (((b"transfer-encoding", b"chunked"),), 40),
    ],
)
def test_the_body_of_a_stranger_takes_turns_by_its_length(
    headers: tuple[tuple[bytes, bytes], ...], turns: int
) -> None:
    there = {"path": "/consultations/c/responses", "method": "POST", "headers": headers}
    assert turns_of(there) == turns
    assert turns_of({**there, "method": "GET"}) == 1, "no body is read"
    assert turns_of({**there, "path": "/v1/reads"}) == 1, "no body of a stranger is read there"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/reads",
        "/v1/feeds/a",
        "/metrics",
        "/nothing",
        "/v1",
        "//",
        "//v1/feeds",
        "/V1/feeds",
        "/log",
        "/logs/x",
        "/assets",
        "/register.json/",
        "/healthz/x",
        "/docs/x",
        "",
        "/.",
        "/../v1/feeds",
    ],
)
def test_what_is_not_public_needs_a_credential(path: str) -> None:
    assert call(path) == (401, None)
    assert call(path, bearer(TOKEN)) == (None, Principal("source", "tfl"))


@given(st.text(max_size=30).map(lambda text: "/" + text))
def test_any_path_but_the_public_ones_is_closed(path: str) -> None:
    public = path in PUBLIC_PATHS or path.startswith(
        ("/assets/", "/authorities/", "/demonstration/", "/log/")
    )
    assert is_public(path) == public
    assert (call(path)[0] == 401) == (not public)


def test_public_paths_answer_whatever_credential_comes_along() -> None:
    assert call("/") == (None, None)
    assert call("/log/checkpoint", bearer("wrong")) == (None, None)
    assert call("/register.json", bearer(TOKEN)) == (None, Principal("source", "tfl"))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer  ",
        b"bearer wrong",
        b"Basic " + TOKEN.encode(),
        TOKEN.encode(),
        b"Bearer " + TOKEN.encode()[:-1],
        b"Bearer " + TOKEN.encode() + b"x",
        b"Bearer " + next(iter(TOKENS)).encode(),  # the hash is no token
        b"Bearer " + b"x" * 513,
        b"Bearer " + b"x" * 1_000_000,
        b"Bearer \xff\xfe\x00",
    ],
)
def test_what_is_no_credential(value: bytes) -> None:
    assert call("/v1/feeds", (b"authorization", value)) == (401, None)


@given(st.binary(max_size=600))
def test_any_bytes_are_no_credential(value: bytes) -> None:
    assert call("/v1/feeds", (b"authorization", value))[0] == 401


@pytest.mark.parametrize("word", [b"Bearer", b"bearer", b"BEARER"])
def test_the_word_in_any_case(word: bytes) -> None:
    assert call("/v1/feeds", (b"authorization", word + b" " + TOKEN.encode()))[0] is None


def test_a_second_header_does_not_help() -> None:
    assert call("/v1/feeds", bearer("wrong"), bearer(TOKEN)) == (401, None)


def pushed(
    query: bytes = b"", *headers: tuple[bytes, bytes], path: str = "/v1/push/axis"
) -> tuple[Any, bytes | None, list[bytes]]:
    """Return the principal that a push has, the query that is left of it, and what the 401 asks for."""
    seen: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["still_known"]()
        seen.append((scope["principal"], scope["query_string"]))

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": path,
        "query_string": query,
        "headers": list(headers),
        "method": "POST",
    }
    asyncio.run(Gatekeeper(app, lambda: TOKENS)(scope, None, send))  # type: ignore[arg-type]
    if seen:
        return (*seen[0], [])
    assert sent[0]["status"] == 401
    return None, None, [value for name, value in sent[0]["headers"] if name == b"www-authenticate"]


def basic(given: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + base64.b64encode(given.encode())


def test_a_device_may_say_who_it_is_in_three_ways() -> None:
    source = Principal("source", "tfl")
    assert pushed(b"camera=c0", bearer(TOKEN)) == (source, b"camera=c0", [])
    assert pushed(b"", basic(f"tfl:{TOKEN}")) == (source, b"", [])
    assert pushed(f"camera=c0&key={TOKEN}&x=%20".encode()) == (source, b"camera=c0&x=%20", [])
    assert pushed(b"key=" + TOKEN.replace("-", "%2D").encode()) == (source, b"", [])
    # Makers have other words for it; and Digest, which some devices cannot leave off, names no token.
    assert pushed(b"", (b"authorization", b"Token " + TOKEN.encode())) == (source, b"", [])
    assert pushed(b"", (b"x-api-key", TOKEN.encode())) == (source, b"", [])
    assert pushed(b"key=" + TOKEN.encode(), (b"authorization", b'Digest username="tfl"')) == (source, b"", [])
    # A key beside a header is not shown on either.
    assert pushed(f"key={TOKEN}".encode(), bearer(TOKEN)) == (source, b"", [])


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", []),
        ("key=", []),
        ("key=wrong", []),
        ("KEY=" + TOKEN, []),
        (f"key={TOKEN}&key={TOKEN}", []),
        ("key=" + "x" * 600, []),
        ("key=" + TOKEN, [bearer("wrong")]),
        ("key=" + TOKEN, [basic("tfl:wrong")]),
        ("", [(b"authorization", b'Digest username="tfl"')]),
        ("key=" + TOKEN, [(b"authorization", b"Token wrong")]),
        ("", [(b"x-api-key", b"wrong")]),
        ("", [basic(f"hackney:{TOKEN}")]),
        ("", [basic(f":{TOKEN}")]),
        ("", [basic(TOKEN)]),
        ("", [basic("tfl:")]),
        ("", [(b"authorization", b"Basic")]),
        ("", [(b"authorization", b"Basic \xff")]),
        ("", [(b"authorization", b"Basic " + base64.b64encode(b"\xff:" + TOKEN.encode()))]),
    ],
)
def test_what_is_no_credential_of_a_device(query: str, headers: list[tuple[bytes, bytes]]) -> None:
    principal, _, asked_for = pushed(query.encode(), *headers)
    assert principal is None
    assert asked_for == [b"Bearer", b'Basic realm="wicketgate", charset="UTF-8"']


@pytest.mark.parametrize("path", ["/NotificationInfo/KeepAlive", "/NotificationInfo/TollgateInfo"])
def test_a_path_that_a_device_has_of_its_own_is_a_push(path: str) -> None:
    assert pushed(b"", basic(f"tfl:{TOKEN}"), path=path) == (Principal("source", "tfl"), b"", [])
    assert pushed(b"", path=path)[2] == [b"Bearer", b'Basic realm="wicketgate", charset="UTF-8"']


@pytest.mark.parametrize(
    "path", ["/v1/push", "/v1/reads", "/v1/pushes/axis", "/V1/push/axis", "/v1/feeds/v1/push/"]
)
def test_basic_and_keys_count_for_pushes_alone(path: str) -> None:
    for query, header in (("key=" + TOKEN, None), ("", basic(f"tfl:{TOKEN}"))):
        principal, _, asked_for = pushed(query.encode(), *([header] if header else []), path=path)
        assert principal is None
        assert asked_for == [b"Bearer"]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_no_credential_of_a_device(query: bytes, value: bytes) -> None:
    assert pushed(query)[0] is None
    assert pushed(query, (b"authorization", value))[0] is None


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_no_other_protocol_is_spoken(kind: str) -> None:
    assert call("/v1/feeds", bearer(TOKEN), kind=kind) == (None, "nothing")


@pytest.mark.parametrize(
    ("name", "principal"),
    [
        ("source:tfl", Principal("source", "tfl")),
        ("recipient:met/national-security-units", Principal("recipient", "met/national-security-units")),
        ("overseer:ico/commissioner", Principal("overseer", "ico/commissioner")),
        ("admin", Principal("admin", "")),
    ],
)
def test_whose_a_token_is(name: str, principal: Principal) -> None:
    assert principal_of(name) == principal


def asked(principal: Principal | None, *, known: bool = True) -> Request:
    """Return a request that has passed the gatekeeper."""
    scope = {"type": "http", "principal": principal, "still_known": lambda: known, "headers": []}
    return Request(scope)


def test_a_caller_of_another_kind_is_not_entitled() -> None:
    assert require(asked(Principal("source", "tfl")), "source").name == "tfl"
    for principal in (Principal("source", "tfl"), Principal("recipients", "x"), None):
        with pytest.raises(NotEntitled) as caught:
            require(asked(principal), "recipient")
        assert caught.value.code == "not-entitled"


def test_a_token_that_was_withdrawn_while_its_request_was_read_counts_no_longer() -> None:
    with pytest.raises(NotEntitled) as caught:
        require(asked(Principal("source", "tfl"), known=False), "source")
    assert caught.value.code == "unauthorised"
    tokens = dict(TOKENS)
    seen: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["still_known"]())
        tokens.clear()
        seen.append(scope["still_known"]())

    scope = {"type": "http", "path": "/v1/reads", "method": "POST", "headers": [bearer(TOKEN)]}
    asyncio.run(Gatekeeper(app, lambda: tokens)(scope, None, None))  # type: ignore[arg-type]
    assert seen == [True, False]


# --- browsers at addresses that there are not ---------------------------------------------------------------------

BROWSER = (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")


@pytest.mark.parametrize("path", ["/nothing", "/docs/x", "/.", "/../v1/feeds", "/admin"])
def test_a_browser_without_a_credential_is_shown_that_there_is_nothing(path: str) -> None:
    assert is_lost({"path": path, "method": "GET", "headers": [BROWSER]})
    # What is behind sees the page for that, and never the address that was asked for.
    assert call(path, BROWSER) == (None, None)
    assert call(path, (b"accept", b"*/*")) == (401, None)
    assert call(path, (b"accept", b"application/json, text/html")) == (401, None)


@pytest.mark.parametrize("path", ["/v1", "/v1/feeds", "/v1/hits/x", "/metrics"])
def test_the_api_says_to_a_browser_too_that_it_is_not_known(path: str) -> None:
    assert call(path, BROWSER) == (401, None)


@given(st.text(max_size=30).map(lambda text: "/" + text))
def test_whatever_a_browser_asks_for_it_reaches_what_is_public_alone(path: str) -> None:
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    async def nothing(*_: Any) -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(Gatekeeper(app, lambda: TOKENS)(_get(path, BROWSER), nothing, nothing))
    assert all(is_public(one) for one in reached)


def _get(path: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "path": path, "headers": list(headers), "method": "GET"}
