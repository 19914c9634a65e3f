"""The command `doctor`: look at a deployment and at what comes in, and say what to do."""

from __future__ import annotations

import argparse
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from wicketgate.base.clock import SystemClock, from_datetime
from wicketgate.base.errors import ConfigurationError, Unreachable, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.cli.asking import called
from wicketgate.cli.endings import FAILED, GOOD
from wicketgate.cli.saying import say
from wicketgate.gateway.checkup import Symptom, apart, ending, look_at
from wicketgate.http.codes import READ

_MARKS: Final = {"good": "ok   ", "look": "LOOK ", "wrong": "WRONG"}
_TIMEOUT_S: Final = 10.0
_TAKEN: Final = ("accepted", "repeated")


def run_doctor(args: argparse.Namespace) -> int:
    """Print what is well and what is not, with what to do; end with 1 if something is wrong."""
    if args.folder is None and args.url is None:
        raise ConfigurationError("give a deployment's directory, a gateway with --from, or both")
    if (args.token_file is not None) and args.url is None:
        raise ConfigurationError("--token-file is for the gateway of --from")
    found: list[Symptom] = []
    for one in _found(args):
        found.append(one)
        if not args.json:
            say(f"{_MARKS[one.verdict]} {one.what}: {one.words}")
            if one.remedy:
                say(f"      {one.remedy}")
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    return FAILED if any(one.verdict == "wrong" for one in found) else GOOD


def _found(args: argparse.Namespace) -> Iterator[Symptom]:
    if args.folder is not None:
        yield from look_at(args.folder, SystemClock().now_us())
    if args.url is not None:
        token = read_secret(args.token_file) if args.token_file is not None else ""
        yield from _gateway(args.url, token)


# --- the gateway, from here ---------------------------------------------------------------------------------------


def _gateway(url: str, token: str) -> Iterator[Symptom]:
    clock = SystemClock()
    try:
        answer = called(url, "GET", "/healthz", "", timeout_s=_TIMEOUT_S)
    except Unreachable as error:
        yield Symptom(
            what="gateway",
            verdict="wrong",
            words=error.detail,
            remedy="is it started, and the address right?",
        )
        return
    yield Symptom(what="gateway", verdict="good", words=f"`{url}` answers")
    said = answer.headers.get("date")
    if said:
        yield apart(from_datetime(parsedate_to_datetime(said)), clock.now_us)
    if url.startswith("https://"):
        yield _served_certificate(url, clock.now_us())
    try:
        called(url, "GET", "/readyz", "", timeout_s=_TIMEOUT_S)
        yield Symptom(what="work", verdict="good", words="seconds close, and nothing is behind")
    except WicketgateError as error:
        yield Symptom(what="work", verdict="wrong", words=error.detail, remedy="look at the gateway's log")
    if token:
        yield from _told(url, token)


def _served_certificate(url: str, now_us: int) -> Symptom:
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 443
    try:
        context = ssl.create_default_context()
        with (
            socket.create_connection((host, port), _TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown: Mapping[str, Any] = secured.getpeercert() or {}
    except (OSError, ssl.SSLError) as error:
        return Symptom(
            what="certificate served", verdict="wrong", words=str(error), remedy="cameras will refuse it too"
        )
    until_s = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    return ending("certificate served", round(until_s * 1_000_000), now_us)


# --- what comes in ------------------------------------------------------------------------------------------------


def _told(url: str, token: str) -> Iterator[Symptom]:
    """Yield what a source's token shows of its cameras, or the admin's of tokens."""
    try:
        yield from cameras_found(_json(url, "/v1/cameras", token))
        return
    except Unreachable as error:
        yield Symptom(what="cameras", verdict="look", words=error.detail)
        return
    except WicketgateError as error:
        if error.code == "unauthorised":
            yield Symptom(
                what="token",
                verdict="wrong",
                words="the gateway does not know it",
                remedy="`wicketgate token new`",
            )
            return
    try:
        names = [one["name"] for one in _json(url, "/v1/tokens", token)["names"]]
    except WicketgateError:
        yield Symptom(what="token", verdict="look", words="it is neither a source's nor the admin's")
        return
    sources = [name for name in names if name.startswith("source:")]
    yield Symptom(
        what="tokens",
        verdict="good" if sources else "look",
        words=f"{', '.join(names)}" if sources else "no source has a token, so no camera can post",
        remedy="" if sources else "`wicketgate token new source:ORGANISATION`",
    )


def _json(url: str, path: str, token: str) -> dict[str, Any]:
    answer = called(url, "GET", path, token, timeout_s=_TIMEOUT_S)
    body: dict[str, Any] = json.loads(answer.content)
    return body


def cameras_found(shown: Mapping[str, Any]) -> Iterator[Symptom]:
    """Yield what is found of each camera, by what became of its reads: whether the first one has come.

    Parameters
    ----------
    shown : mapping
        As `GET /v1/cameras` answers.
    """
    if not shown["cameras"]:
        yield Symptom(
            what="cameras", verdict="look", words="none is registered", remedy="`wicketgate camera import F`"
        )
    for camera in shown["cameras"]:
        counts: Mapping[str, int] = camera["counts"]
        taken = sum(counts.get(kind, 0) for kind in _TAKEN)
        refused = {code: number for code, number in counts.items() if code not in _TAKEN and number}
        most = max(refused, key=lambda code: refused[code], default="")
        what = f"camera {camera['id']}"
        if taken:
            words = f"{taken} reads came"
            much = sum(refused.values()) * 10 > taken
            yield Symptom(
                what=what,
                verdict="look" if much else "good",
                words=f"{words}, and {sum(refused.values())} could not be taken (`{most}`)"
                if most
                else words,
                remedy=_remedy(most) if much else "",
            )
        elif refused:
            yield Symptom(
                what=what,
                verdict="wrong",
                words=f"nothing of it was taken: {refused[most]} times `{most}`",
                remedy=_remedy(most),
            )
        else:
            yield Symptom(
                what=what,
                verdict="wrong",
                words="no read has come yet",
                remedy="look at its address, user and password (docs/adapters.md), and that a vehicle passed it",
            )
    for code, number in sorted(shown["unknown"].items()):
        yield Symptom(
            what="cameras that nobody registered",
            verdict="wrong",
            words=f"{number} times `{code}`",
            remedy="`wicketgate quarantine --reads` shows under which names they post: register these, or as aliases",
        )


def _remedy(code: str) -> str:
    known = READ.get(code)
    return (
        known.remedy
        if known is not None
        else "`wicketgate quarantine` shows what came, and why it was not taken"
    )
