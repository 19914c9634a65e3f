"""The terminal of officers' commands: files, passphrases, questions, the register."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wicketgate.base.errors import ConfigurationError, InputError, Unreachable
from wicketgate.base.signing import parse_json
from wicketgate.cli.asking import answered, called
from wicketgate.cli.saying import say
from wicketgate.clients.officer.keyfiles import Ask, read_passphrase, require_passphrase
from wicketgate.regime.documents.document import SignedDocument, open_either

if TYPE_CHECKING:
    from wicketgate.clients.officer.from_register import MonthAsked

TIMEOUT_S = 30.0


def on_terminal() -> bool:
    """Say whether somebody can be asked.

    Scripts and pipes never wait for an answer.
    """
    return sys.stdin is not None and sys.stdin.isatty()


def confirmed(question: str) -> bool:
    """Ask, and say whether the answer was `y` or `yes`.

    The question goes to standard error, where it is seen in any case.
    """
    say(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


# --- the gateway ------------------------------------------------------------------------------------------


def ask(
    url: str,
    path: str,
    token: str,
    wanted: int,
    *,
    timeout_s: float = TIMEOUT_S,
    method: str | None = None,
    **request: Any,
) -> dict[str, Any]:
    """Ask a gateway, and return its answer.

    Parameters
    ----------
    url : str
        The gateway.
    wanted : int
        The status of an answer.
    method : str, optional
        Instead of the one that what is sent makes it.
    **request
        As for `asking.answered`: what is sent makes it a POST, and nothing a GET.

    Raises
    ------
    ConfigurationError
        If `url` is no address.
    Unreachable
        If it does not answer, cannot answer now, or not in JSON.
    WicketgateError
        If it refuses; with its own code and words.
    """
    method = method or ("POST" if request.keys() & {"content", "json"} else "GET")
    answer = called(url, method, path, token, wanted, timeout_s=timeout_s, **request)
    body: Any
    try:
        body = parse_json(answer.content)
    except InputError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"`{url}` answers {answer.status_code} without a reason")
    return body


# --- passphrases ------------------------------------------------------------------------------------------


def asking(args: argparse.Namespace) -> Ask:
    """Return the giver of a key's passphrase.

    It is the file that was named, or the person at the terminal.
    """

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
    """Return the passphrase for a new key, asked for twice.

    It is None where nobody can be asked and no file is named.
    """
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
    """Return the content of a file.

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
    """Write a file whole.

    A crash here leaves the old file, and perhaps one ending in `.new`.
    """
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)  # whole or not at all: a reader never meets half a file
    except OSError as error:
        raise ConfigurationError(f"cannot write `{path}`: {error.strerror}") from error


def make_file(path: Path, data: bytes) -> None:
    """Write a new file, and never overwrite one."""
    if path.exists():
        raise ConfigurationError(f"`{path}` exists already")
    replace_file(path, data)


def read_document(path: Path) -> SignedDocument:
    """Return the document in a file.

    The file is an envelope, or TOML, which is a document that nobody has signed yet.

    Raises
    ------
    ConfigurationError, InputError, DocumentRefused
        If it cannot be read, or is neither.
    """
    return open_either(read_file(path))


# --- the register -----------------------------------------------------------------------------------------


def read_register(against: str) -> Mapping[str, Any]:
    """Return the register of a gateway, or one saved from it.

    Nothing in it is verified.

    Raises
    ------
    ConfigurationError
        If it is neither the address of a gateway nor a file that can be read.
    Unreachable
        If the gateway does not answer.
    InputError
        If what it answers, or the file holds, is no register.
    """
    if "://" in against:
        data = _fetch(against)
    elif Path(against).is_file():
        data = read_file(Path(against))
    else:
        raise ConfigurationError(f"`{against}` is neither the address of a gateway nor a file")
    register = parse_json(data)
    if not isinstance(register, dict):
        raise InputError("the register is not a JSON object")
    return register


def month_asked(against: str) -> MonthAsked | None:
    """Return what asks the gateway of `read_register` for the figures of a closed month; None for a file."""
    if "://" not in against:
        return None

    def ask_for(month: str) -> list[Mapping[str, Any]]:
        body = parse_json(_fetch(against, f"/figures/{quote(month, safe='')}.json"))
        figures = body.get("figures") if isinstance(body, dict) else None
        if not isinstance(figures, list) or not all(isinstance(one, dict) for one in figures):
            raise InputError(f"the figures of {month} are not as a gateway shows them")
        return figures

    return ask_for


def _fetch(url: str, path: str = "/register.json") -> bytes:
    import httpx

    try:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            answer = answered(client, "GET", f"{url.rstrip('/')}{path}")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ConfigurationError(f"`{url}` is not the address of a gateway: {error}") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"`{url}` does not answer: {error}") from error
    if answer.status_code != 200:
        raise Unreachable(f"`{url}` answers {answer.status_code} when asked for `{path}`")
    return answer.content
