"""An officer's tools: `key new`, `check`, `sign`, `submit`. docs/officer.md shows them in use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from wicketgate.authority import (
    Authority,
    act_requirements,
    describe,
    faults,
    parse_authority,
    requirements,
)
from wicketgate.charter import (
    Charter,
    Requirement,
    charter_requirements,
    parse_charter,
    require_distinct,
    require_signed,
)
from wicketgate.clock import SystemClock
from wicketgate.documents import (
    Act,
    SignedDocument,
    describe_act,
    describe_charter,
    kind_of,
    open_document,
    parse_payload,
    parse_toml,
    payload_type,
    sign_document,
)
from wicketgate.errors import ConfigurationError, DocumentRefused, InputError, WicketgateError
from wicketgate.signing import (
    ENVELOPE_TYPE,
    PrivateKey,
    add_signature,
    canonical,
    dump_envelope,
    format_public,
    parse_envelope,
    parse_json,
)

_TIMEOUT_S = 30.0

Subparsers = argparse._SubParsersAction  # its only name


def add_commands(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add `key`, `check`, `sign` and `submit`; each sets `run`: arguments to exit code."""
    key = subparsers.add_parser("key", help="make a key for an office")
    key_commands = key.add_subparsers(dest="key_command", required=True)
    new = key_commands.add_parser("new", help="make a new key and print its public half")
    new.add_argument("office", metavar="OFFICE", help="organisation/office")
    new.add_argument("--out", required=True, type=Path, help="the key file to make; it must not exist")
    new.set_defaults(run=_reporting(new_key))

    check = subparsers.add_parser("check", help="say in words what a document allows, and what is wrong")
    check.add_argument("document", type=Path, metavar="DOC", help="a TOML document or a signed envelope")
    check.add_argument("--against", metavar="URL", help="a gateway, whose charter and register are asked")
    check.set_defaults(run=_reporting(check_document))

    sign = subparsers.add_parser("sign", help="sign a document, or add a signature")
    sign.add_argument("document", type=Path, metavar="DOC.toml")
    sign.add_argument("--key", required=True, type=Path, help="the key file of the office that signs")
    sign.add_argument("--out", required=True, type=Path, help="the envelope to make or to add to")
    sign.set_defaults(run=_reporting(sign_file))

    submit = subparsers.add_parser("submit", help="hand a signed document to a gateway")
    submit.add_argument("envelope", type=Path, metavar="DOC.dsse.json")
    submit.add_argument("--to", required=True, metavar="URL", help="the gateway")
    submit.add_argument("--token-file", required=True, type=Path, help="a file that holds any known token")
    submit.set_defaults(run=_reporting(submit_file))


def _reporting(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return `run` with what it raises turned into a line of code and detail, and exit code 1."""

    def wrapped(args: argparse.Namespace) -> int:
        try:
            return run(args)
        except WicketgateError as error:
            print(f"{error.code}: {error.detail}", file=sys.stderr)
            return 1

    return wrapped


# --- key new ----------------------------------------------------------------------------------------------


def new_key(args: argparse.Namespace) -> int:
    """Make a key file of mode 0600 and print the line for the charter."""
    key = PrivateKey.generate()
    key.save(args.out, label=_one_line(args.office))
    print(f"The private key is in {args.out}. Keep it; nobody else may have it.")
    print("For the office's entry in the charter:")
    print(f'key = "{format_public(key.public)}"')
    return 0


def _one_line(office: str) -> str:
    if not office.isprintable() or "-----" in office:
        raise ConfigurationError("an office is written `organisation/office`")
    return office


# --- check ------------------------------------------------------------------------------------------------


def check_document(args: argparse.Namespace) -> int:
    """Print what a document allows, who must sign it and what is wrong with it; 1 if anything is."""
    data = _read(args.document)
    signed: SignedDocument | None = None
    if data.lstrip().startswith(b"{"):
        signed = open_document(data)
        kind, payload = signed.kind, signed.payload
    else:
        payload = parse_toml(data)
        kind = kind_of(payload)
    value = parse_payload(kind, payload)
    register = _fetch_register(args.against) if args.against else None
    charter = _charter_of(register) if register is not None else None

    for line in _describe(value, charter):
        print(line)
    if isinstance(value, Charter):
        charter, register = value, {}
    if charter is None or register is None:
        print("Checked: the form only. With --against URL also names, terms and who must sign.")
        return 0
    wanted, wrong = _judge(kind, value, charter, register)
    for requirement in wanted:
        named = ", ".join(_titled(charter, office) for office in requirement.offices)
        print(f"Must sign, {requirement.need} of: {named}")
    if wanted:
        wrong += _signature_faults(wanted, charter, signed)
    for fault in wrong:
        print(f"Refused as {fault.code}: {fault.detail}")
    if not wrong:
        print("Nothing found for which it would be refused.")
    if signed is None:
        print("Signatures: none yet; sign it with `wicketgate sign`.")
    if not isinstance(value, Charter):
        print(
            "The charter and register were taken as the gateway shows them; `wicketgate verify` checks them."
        )
    print("Not computed by this version: what the document would widen.")
    return 1 if wrong else 0


def _describe(value: Charter | Authority | Act, charter: Charter | None) -> list[str]:
    if isinstance(value, Charter):
        return describe_charter(value)
    return describe(value, charter) if isinstance(value, Authority) else describe_act(value)


def _judge(
    kind: str, value: Charter | Authority | Act, charter: Charter, register: Mapping[str, Any]
) -> tuple[tuple[Requirement, ...], list[DocumentRefused]]:
    """Return who must sign, and what is wrong apart from signatures."""
    if isinstance(value, Charter):
        return charter_requirements(charter), []
    try:
        if isinstance(value, Authority):
            previous = _latest(register, value.name)
            wrong = list(faults(value, charter, at_us=SystemClock().now_us(), previous=previous))
            return (
                () if any(fault.code == "not-entitled" for fault in wrong) else requirements(value, charter)
            ), wrong
        authority = _latest(register, value.authority)
        if authority is None:
            return (), [DocumentRefused(f"no authority `{value.authority}`", code="unknown-authority")]
        return act_requirements(kind, authority, charter), []
    except DocumentRefused as error:
        return (), [error]


def _signature_faults(
    wanted: tuple[Requirement, ...], charter: Charter, signed: SignedDocument | None
) -> list[DocumentRefused]:
    try:
        if signed is not None:
            require_signed(wanted, signed.envelope, charter)
        else:
            named = {name for one in wanted if one.need == "all" for name in one.offices}
            require_distinct(named.intersection(charter.offices), charter)
    except DocumentRefused as error:
        return [error]
    return []


def _titled(charter: Charter, name: str) -> str:
    office = charter.offices.get(name)
    return f"{name} ({office.holder}, {office.title})" if office else f"{name} (not in the charter)"


def _fetch_register(url: str) -> Mapping[str, Any]:
    try:
        answer = httpx.get(f"{url.rstrip('/')}/register.json", timeout=_TIMEOUT_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WicketgateError(f"`{url}` does not answer: {error}", code="no-answer") from error
    if answer.status_code != 200:
        raise WicketgateError(f"`{url}` answers {answer.status_code}", code="no-answer")
    register = parse_json(answer.content)
    if not isinstance(register, dict):
        raise InputError("the register is not a JSON object")
    return register


def _charter_of(register: Mapping[str, Any]) -> Charter:
    entry = register.get("charter")
    if not isinstance(entry, dict) or not isinstance(entry.get("document"), dict):
        raise InputError("the register shows no charter")
    return parse_charter(entry["document"])


def _latest(register: Mapping[str, Any], name: str) -> Authority | None:
    entries = register.get("authorities")
    latest: Authority | None = None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get("document"), dict):
            authority = parse_authority(entry["document"])
            if latest is None or authority.version > latest.version:
                latest = authority
    return latest


# --- sign -------------------------------------------------------------------------------------------------


def sign_file(args: argparse.Namespace) -> int:
    """Sign a TOML document into a new envelope, or add a signature to the envelope of the same document."""
    document = parse_toml(_read(args.document))
    kind = kind_of(document)
    parse_payload(kind, document)
    key = PrivateKey.load(args.key)
    if args.out.exists():
        envelope = parse_envelope(_read(args.out))
        if envelope.payload_type != payload_type(kind) or envelope.payload != canonical(document):
            raise ConfigurationError(f"`{args.out}` holds another document; nothing was signed")
        envelope = add_signature(envelope, key)
    else:
        envelope = sign_document(document, [key])
    _replace(args.out, dump_envelope(envelope) + b"\n")
    print(f"Signed {kind} with {format_public(key.public)}.")
    print(f"Signatures in {args.out}: {len(envelope.signatures)}.")
    return 0


def _replace(path: Path, data: bytes) -> None:
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


# --- submit -----------------------------------------------------------------------------------------------


def submit_file(args: argparse.Namespace) -> int:
    """Hand an envelope to a gateway; print its entry and from when it is in force, or why it was refused."""
    data = _read(args.envelope)
    open_document(data)
    token = _read(args.token_file).decode("utf-8", "replace").strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise ConfigurationError(f"`{args.token_file}` holds no token")
    try:
        answer = httpx.post(
            f"{args.to.rstrip('/')}/v1/documents",
            content=data,
            headers={"Authorization": f"Bearer {token}", "Content-Type": ENVELOPE_TYPE},
            timeout=_TIMEOUT_S,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WicketgateError(f"`{args.to}` does not answer: {error}", code="no-answer") from error
    try:
        body = parse_json(answer.content)
    except InputError:
        body = None
    if not isinstance(body, dict):
        raise WicketgateError(f"`{args.to}` answers {answer.status_code} without a reason", code="no-answer")
    if answer.status_code != 201:
        print(f"{body.get('code', answer.status_code)}: {body.get('detail', 'no detail')}", file=sys.stderr)
        return 1
    print(f"entry {body.get('entry')}")
    print(f"in_force_from {body.get('in_force_from')}")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read `{path}`: {error.strerror}") from error
