"""What officers' commands share at the terminal: files, passphrases, questions, the register that is asked."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from wicketgate.base.errors import ConfigurationError, InputError, WicketgateError
from wicketgate.base.signing import Envelope, canonical, parse_json
from wicketgate.clients.officer.keyfiles import Ask, read_passphrase, require_passphrase
from wicketgate.regime.documents.document import (
    SignedDocument,
    kind_of,
    open_document,
    parse_toml,
    payload_type,
)

TIMEOUT_S = 30.0

Run = Callable[[argparse.Namespace], int]


def reporting(run: Run) -> Run:
    """Return `run` with what it raises turned into a line of code and detail, and exit code 1."""

    def wrapped(args: argparse.Namespace) -> int:
        try:
            return run(args)
        except WicketgateError as error:
            print(f"{error.code}: {error.detail}", file=sys.stderr)
            return 1

    return wrapped


def on_terminal() -> bool:
    """Say whether somebody can be asked: scripts and pipes never wait for an answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def confirmed(question: str) -> bool:
    """Ask; anything but `y` or `yes` is no. What is asked goes to standard error, where it is seen in any case."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


# --- the gateway ------------------------------------------------------------------------------------------


def ask(
    url: str, path: str, token: str, wanted: int, *, timeout_s: float = TIMEOUT_S, **request: Any
) -> dict[str, Any] | None:
    """Ask a gateway; return its answer, or None, with its code and words on standard error, where it is refused.

    Parameters
    ----------
    url : str
        The gateway.
    wanted : int
        The status of an answer.
    **request
        As for `httpx.request`: what is sent makes it a POST, and nothing a GET.

    Raises
    ------
    WicketgateError
        Code `no-answer`, if it does not answer, or not in JSON.
    """
    headers = {"Authorization": f"Bearer {token}", **request.pop("headers", {})}
    method = "POST" if request.keys() & {"content", "json"} else "GET"
    try:
        answer = httpx.request(
            method, f"{url.rstrip('/')}{path}", headers=headers, timeout=timeout_s, **request
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WicketgateError(f"`{url}` does not answer: {error}", code="no-answer") from error
    body: Any
    try:
        body = parse_json(answer.content)
    except InputError:
        body = None
    if not isinstance(body, dict):
        raise WicketgateError(f"`{url}` answers {answer.status_code} without a reason", code="no-answer")
    if answer.status_code != wanted:
        print(f"{body.get('code', answer.status_code)}: {body.get('detail', 'no detail')}", file=sys.stderr)
        return None
    return body


# --- passphrases ------------------------------------------------------------------------------------------


def add_passphrase_file(parser: argparse.ArgumentParser) -> None:
    """Add `--passphrase-file`: a passphrase is never an argument, which other users of the machine can see."""
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="F",
        help="a file, mode 0600, whose first line is the key's passphrase (default: it is asked for)",
    )


def asking(args: argparse.Namespace) -> Ask:
    """Return what gives the passphrase of a key: the file that was named, or the person at the terminal."""

    def ask(what: str) -> bytes:
        if args.passphrase_file is not None:
            return read_passphrase(args.passphrase_file)
        if not on_terminal():
            raise ConfigurationError(
                f"`{what}` is encrypted, and nobody can be asked: give --passphrase-file"
            )
        return require_passphrase(_typed(f"Passphrase of {what}: "), "what was typed")

    return ask


def new_passphrase(args: argparse.Namespace) -> bytes | None:
    """Return the passphrase for a new key, asked for twice; None where nobody can be asked and no file is named."""
    if args.passphrase_file is not None:
        return read_passphrase(args.passphrase_file)
    if not on_terminal():
        return None
    first = require_passphrase(_typed("A passphrase for the new key: "), "what was typed")
    if _typed("The same again: ") != first:
        raise ConfigurationError("the two passphrases differ; no key was made")
    return first


def _typed(prompt: str) -> bytes:
    try:
        return getpass.getpass(prompt).encode("utf-8")
    except (EOFError, UnicodeError) as error:
        raise ConfigurationError("no passphrase was typed") from error


# --- files ------------------------------------------------------------------------------------------------


def read_file(path: Path) -> bytes:
    """Return what is in a file.

    Raises
    ------
    ConfigurationError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read `{path}`: {error.strerror}") from error


def read_prose(path: Path) -> str:
    """Return the text in a file, without blanks around it.

    Raises
    ------
    ConfigurationError
        If it cannot be read, is not UTF-8, or is empty.
    """
    try:
        text = read_file(path).decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"`{path}` is not text in UTF-8") from error
    if not text:
        raise ConfigurationError(f"`{path}` says nothing")
    return text


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole: a crash here leaves the old file, and perhaps one ending in `.new`."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write `{path}`: {error.strerror}") from error


def make_file(path: Path, data: bytes) -> None:
    """Write a new file; one that is there is never overwritten."""
    if path.exists():
        raise ConfigurationError(f"`{path}` exists already")
    replace_file(path, data)


def read_document(path: Path) -> SignedDocument:
    """Return the document in a file: an envelope, or TOML, which is one that nobody has signed yet.

    Raises
    ------
    ConfigurationError, InputError, DocumentRefused
        If it cannot be read, or is neither.
    """
    data = read_file(path)
    if data.lstrip().startswith(b"{"):
        return open_document(data)
    payload = parse_toml(data)
    kind = kind_of(payload)
    envelope = Envelope(payload_type=payload_type(kind), payload=canonical(payload))
    return SignedDocument(kind=kind, payload=payload, envelope=envelope)


# --- the register -----------------------------------------------------------------------------------------


def add_against(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add `--against`: where what is in force is known from."""
    parser.add_argument(
        "--against",
        metavar="URL|FILE",
        required=required,
        help="a gateway, or its register.json saved before: what is in force there",
    )


def read_register(against: str) -> Mapping[str, Any]:
    """Return the register of a gateway, or one that was saved from it; nothing in it is verified.

    Raises
    ------
    WicketgateError
        `no-answer` if a gateway does not answer, `configuration` or `malformed` for a file or an answer that is none.
    """
    if "://" in against:
        data = _fetch(against)
    elif Path(against).is_file():
        data = read_file(Path(against))
    else:
        raise WicketgateError(f"`{against}` is neither the address of a gateway nor a file", code="no-answer")
    register = parse_json(data)
    if not isinstance(register, dict):
        raise InputError("the register is not a JSON object")
    return register


def _fetch(url: str) -> bytes:
    try:
        answer = httpx.get(f"{url.rstrip('/')}/register.json", timeout=TIMEOUT_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WicketgateError(f"`{url}` does not answer: {error}", code="no-answer") from error
    if answer.status_code != 200:
        raise WicketgateError(f"`{url}` answers {answer.status_code}", code="no-answer")
    return answer.content
