"""A source's command `adapter`: what an adapter makes of a payload, before a gateway takes one.

docs/adapters.md shows it in use.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import read_file
from wicketgate.reads.adapters import ADAPTERS, MAX_PAYLOAD, Adapters
from wicketgate.reads.observations import MARKS, Keepalive, Observation, Payload, Unreadable

_BOUNDARY: Final = "wicketgate-try"
_LONGEST_NAME: Final = 40


def run_list(args: argparse.Namespace) -> int:
    """List the adapters that every gateway has."""
    for name in ADAPTERS:
        say(name)
    return 0


def run_try(args: argparse.Namespace) -> int:
    """Say what an adapter makes of a payload; end with 1 where it is not read."""
    name, own = _adapter(args.form)
    try:
        adapters = Adapters(own)
    except InputError as error:
        raise ConfigurationError(f"`{args.form}`: {error.detail}") from error
    payload = _payload(args)
    try:
        found = adapters.parse(name, payload)
    except InputError as error:
        raise ConfigurationError(f"`{args.sample}`: {error.detail}") from error
    answer = adapters.answer(name, payload, "taken")
    is_read = not any(isinstance(one, Unreadable) for one in found)
    if args.json:
        said = {"adapter": name, "found": [_plain(one) | {"is": type(one).__name__.lower()} for one in found]}
        print(json.dumps(said | {"answer": None if answer is None else answer[2].decode()}, indent=2))
        return 0 if is_read else 1
    for one in found:
        _say(one)
    if answer is not None:
        say(f"The device is answered: {answer[2].decode(errors='replace').strip()}")
    if own and is_read:
        _say_settings(name, Path(args.form))
    return 0 if is_read else 1


def _adapter(form: str) -> tuple[str, dict[str, str]]:
    """Return the name of an adapter, and the text of its form where it is none of the gateway's."""
    if form in ADAPTERS:
        return form, {}
    path = Path(form)
    try:
        text = read_file(path).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"`{form}` is not UTF-8") from error
    name = "".join(sign if sign.isalnum() else "-" for sign in path.stem.lower()).strip("-")[:_LONGEST_NAME]
    is_free = bool(name) and name.isascii() and name not in ADAPTERS
    return (name, {name: text}) if is_free else ("tried", {"tried": text})


def _payload(args: argparse.Namespace) -> Payload:
    body = read_file(args.sample)
    if len(body) > MAX_PAYLOAD:
        raise ConfigurationError(f"`{args.sample}` has more than {MAX_PAYLOAD} bytes")
    content_type = args.type
    if args.file_name:
        head = (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="image"; filename="{args.file_name}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body = head.encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()
        content_type = f"multipart/form-data; boundary={_BOUNDARY}"
    return Payload(content_type=content_type, body=body, query=args.query.encode())


def _say(one: Any) -> None:
    if isinstance(one, Keepalive):
        say(f"a sign of life of {_named(one.cameras)}")
    elif isinstance(one, Unreadable):
        say(f"not read, and quarantined: {one.detail} [{one.code}]")
        for name, value in one.kept.items():
            say(f"  {name}: {value}")
    elif isinstance(one, Observation):
        say(f"a read of {_named(one.cameras)}")
        zone = (
            ""
            if one.captured_at.utcoffset() is not None
            else ", in the zone that is registered for the camera"
        )
        say(f"  captured_at: {one.captured_at.isoformat()}{zone}")
        for name in ("plate", "confidence", "lane", "direction", "id", "tracked"):
            if getattr(one, name) is not None:
                say(f"  {name}: {getattr(one, name)}")
        for name, word in (one.vehicle or {}).items():
            say(f"  vehicle {name}: {word}")
        for kind, data in one.images.items():
            say(f"  {kind}: a picture of {len(data)} bytes")
        for mark in one.marks:
            say(f"  {mark}: {MARKS[mark]}")
    else:
        say(f"a vehicle of {_named(one.cameras)} has left")


def _named(cameras: tuple[str, ...]) -> str:
    if not cameras:
        return "a camera that it does not name: give its id in the address, ?camera=ID"
    return f"the camera that has one of these names, the first first: {', '.join(cameras)}"


def _say_settings(name: str, path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    say(
        "To let a gateway take it, the file in its directory, put this into wicketgate.toml and start it again:"
    )
    say()
    for line in (f"[adapters.{name}]", f'file = "{path.name}"', f'sha256 = "{digest}"'):
        say(line)


def _plain(one: Any) -> Any:
    match one:
        case bytes():
            return f"{len(one)} bytes"
        case datetime():
            return one.isoformat()
        case dict():
            return {name: _plain(value) for name, value in one.items()}
        case tuple() | list():
            return [_plain(value) for value in one]
        case _ if is_dataclass(one):
            return {each.name: _plain(getattr(one, each.name)) for each in fields(one)}
        case _:
            return one
