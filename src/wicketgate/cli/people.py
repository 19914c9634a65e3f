"""The commands `people`, which drafts who may work here, and `sign-in`, which lets a program act for somebody."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import httpx
import msgspec

from wicketgate.base.errors import ConfigurationError, InputError, NotEntitled, Unreachable
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.cli.asking import answered
from wicketgate.cli.saying import say
from wicketgate.clients.officer.people import PeopleBefore, draft_people
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.toml import dump_toml

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_TIMEOUT_S: Final = 30.0
_Kind = TypeVar("_Kind", bound=msgspec.Struct)


def draft(arguments: argparse.Namespace) -> int:
    """Draft a document of people from names in clear."""
    for path in (arguments.out, arguments.openings, arguments.codes):
        if path.exists():
            raise ConfigurationError(f"`{path}` is there already: nothing is overwritten")
    before = None if arguments.before is None else _before(*arguments.before)
    drafted = draft_people(parse_toml(_read(arguments.names)), before)
    write_secret(arguments.openings, json.dumps({"openings": drafted.openings}, indent=1))
    write_secret(arguments.codes, json.dumps(drafted.codes, indent=1, ensure_ascii=False))
    arguments.out.write_text(dump_toml(drafted.document, "Who may do what. Names are commitments."))
    say(f"Drafted `{arguments.out}` for {len(drafted.document['persons'])} persons: sign and submit it.")
    say(f"Hand `{arguments.openings}` in with `wicketgate people open`: it says who is meant.")
    if drafted.codes:
        say(f"Give each person their code in `{arguments.codes}`, and nobody else.")
    else:
        say("Nobody is new: whoever had a code before keeps it.")
    return 0


def _before(document: Path, openings: Path) -> PeopleBefore:
    try:
        opened = json.loads(_read(openings))["openings"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"`{openings}` is no file of openings") from error
    return PeopleBefore(parse_toml(_read(document)), opened)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be read") from error


def open_people(arguments: argparse.Namespace) -> int:
    """Hand the openings of a document of people to a gateway."""
    token = read_secret(arguments.token_file)
    try:
        body = arguments.openings.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"`{arguments.openings}` cannot be read") from error
    with _gateway(
        arguments.to, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    ) as gateway:
        answer = _ask(gateway, "PUT", f"/v1/people/{arguments.organisation}/openings", content=body)
    if answer.status_code != 200:
        raise NotEntitled(f"the gateway refused: {_detail(answer)}")
    say(f"The gateway knows {answer.json()['opened']} of them now.")
    return 0


class _DeviceAsked(msgspec.Struct, frozen=True):
    """The answer to a program that asks to act for somebody (RFC 8628, 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    interval: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5


class _DeviceSaid(msgspec.Struct, frozen=True):
    """Whether it may (RFC 8628, 3.5): a token, or why not."""

    access_token: str = ""
    expires_in: int = 0
    error: str = ""


def _told(answer: httpx.Response, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("the gateway answers otherwise than RFC 8628 has it") from error


def sign_in(arguments: argparse.Namespace) -> int:
    """Sign a person in by OAuth's device flow, and keep the token in a file."""
    if arguments.out.exists():
        raise ConfigurationError(f"`{arguments.out}` is there already: nothing is overwritten")
    with _gateway(getattr(arguments, "from"), {}) as gateway:
        began = _ask(gateway, "POST", "/oauth/device_authorization", data={"client_id": "wicketgate"})
        asked = _told(began, _DeviceAsked)
        say(f"Open {asked.verification_uri} in your browser, and type {asked.user_code}.", flush=True)
        form = {"grant_type": _GRANT, "device_code": asked.device_code}
        until = time.monotonic() + asked.expires_in
        while time.monotonic() < until:
            time.sleep(asked.interval)
            said = _told(_ask(gateway, "POST", "/oauth/token", data=form), _DeviceSaid)
            if said.access_token:
                write_secret(arguments.out, said.access_token + "\n")
                say(f"Signed in for {said.expires_in // 60} minutes: your token is in `{arguments.out}`.")
                return 0
            if said.error != "authorization_pending":
                raise NotEntitled(f"you were not signed in: {said.error or 'the gateway refused'}")
    raise InputError("nobody let this program in in time: begin again")


def _gateway(address: str, headers: Mapping[str, str]) -> httpx.Client:
    return httpx.Client(
        base_url=address.rstrip("/"), headers=headers, timeout=_TIMEOUT_S, follow_redirects=False
    )


def _ask(gateway: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    try:
        answer = answered(gateway, method, path, **more)
    except httpx.HTTPError as error:
        raise Unreachable(f"the gateway cannot be reached ({type(error).__name__})") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Unreachable(f"`{path}` answers {answer.status_code}")
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
