"""An officer's tools: `key`, `check`, `sign`, `submit`.

docs/officer.md shows them in use.

All but `submit`, and `--against` with an address, work without a network.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError
from wicketgate.base.signing import (
    ENVELOPE_TYPE,
    Envelope,
    PrivateKey,
    add_made_signature,
    add_signature,
    dump_envelope,
    format_public,
    key_id,
    pae,
    parse_envelope,
    parse_public,
)
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import (
    ask,
    asking,
    confirmed,
    month_asked,
    new_passphrase,
    on_terminal,
    read_document,
    read_file,
    read_register,
    replace_file,
)
from wicketgate.clients.officer.appraisal import Appraisal, appraise, founding
from wicketgate.clients.officer.from_register import learn
from wicketgate.clients.officer.keyfiles import glimpse, open_signer
from wicketgate.clients.officer.refusing import require_needed, require_sound
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.binding import describe_log
from wicketgate.regime.documents.document import SignedDocument, describe_document, open_document

_SIGNATURE_BYTES = 64


# --- key --------------------------------------------------------------------------------------------------


def new_key(args: argparse.Namespace) -> int:
    """Make a key file, and print the line for the charter.

    Its mode is 0600.
    """
    if not args.office.isprintable() or "-----" in args.office:
        raise ConfigurationError("an office is written `organisation/office`")
    if args.out.exists():
        raise ConfigurationError(f"`{args.out}` exists already; no key was made")
    passphrase = new_passphrase(args)
    key = PrivateKey.generate()
    key.save(args.out, label=args.office, passphrase=passphrase)
    if passphrase is None:
        say(
            f"WARNING: the key in {args.out} is NOT ENCRYPTED: whoever reads the file can sign for "
            f"{args.office}. Run this at a terminal, or give --passphrase-file.",
            file=sys.stderr,
        )
    say(f"The private key is in {args.out}. Keep it; nobody else may have it.")
    say("For the office's entry in the charter:")
    say(f'key = "{format_public(key.public)}"')
    return 0


def show_key(args: argparse.Namespace) -> int:
    """Print a key's public half.

    It prints the line for the charter, and the id under which envelopes name the key.
    """
    shown = glimpse(args.key)
    public = shown.public
    if public is None:
        public = open_signer(args.key, asking(args)).public
    if shown.made_for:
        say(f"Made for {shown.made_for}, as the file says.")
    say(f'key = "{format_public(public)}"')
    say(f"In envelopes: keyid {key_id(public)}")
    return 0


# --- check ------------------------------------------------------------------------------------------------


def check_document(args: argparse.Namespace) -> int:
    """Print a document's effect, its signers and its faults.

    It ends with 1 if anything is wrong with it.
    """
    document = read_document(args.document)
    appraisal = _appraise(document, args)
    for line in _told(document, appraisal):
        say(line)
    if not document.envelope.signatures:
        say("Signatures: none yet; sign it with `wicketgate sign`.")
    return 1 if appraisal is not None and appraisal.faults else 0


def _appraise(document: SignedDocument, args: argparse.Namespace) -> Appraisal | None:
    """Return the effect of a document.

    It is None if there is nothing to judge the document against.
    """
    if args.against is not None:
        known = learn(read_register(args.against), month_asked(args.against))
        return appraise(document, known, at_us=SystemClock().now_us(), cameras=args.cameras)
    value = document.value
    return founding(document, value) if isinstance(value, Charter) else None


def _told(document: SignedDocument, appraisal: Appraisal | None) -> list[str]:
    """Return everything to read before a signature."""
    if appraisal is None:
        return [
            *describe_document(document.value),
            describe_log(document),
            "Checked: the form only. With --against also what it widens and replaces, and who must sign.",
        ]
    lines = [*appraisal.words, describe_log(document)]
    lines += [f"Warning: {warning}" for warning in appraisal.warnings]
    lines += [f"Refused as {fault.code}: {fault.detail}" for fault in appraisal.faults]
    if not appraisal.faults:
        lines.append("Nothing found for which it would be refused.")
    elif len(appraisal.faults) > 1:
        lines.append(f"The gateway would answer with the first of these, {appraisal.faults[0].code}.")
    return [*lines, "What is in force was taken as the register shows it; `wicketgate verify` checks that."]


# --- sign -------------------------------------------------------------------------------------------------


def sign_file(args: argparse.Namespace) -> int:
    """Sign a TOML document or its envelope.

    It makes a new envelope, or adds a signature to the envelope of the same document.
    """
    ways = {"--key": args.key, "--payload-out": args.payload_out, "--signature": args.signature}
    given = [option for option, value in ways.items() if value is not None]
    if len(given) != 1:
        raise ConfigurationError(f"give one of {', '.join(ways)}")
    if (args.public is None) == (args.signature is not None):
        raise ConfigurationError("--signature and --public belong together")
    if (args.out is None) == (args.payload_out is None):
        raise ConfigurationError("give --out, or with --payload-out no --out")
    document = read_document(args.document)
    if args.payload_out is not None:
        return _write_payload(document, args)
    envelope = _begun(document, args.out)
    return sign_document_to(envelope, document, args)


def sign_document_to(envelope: Envelope, document: SignedDocument, args: argparse.Namespace) -> int:
    """Explain a document, ask, and add a signature.

    The signature goes to its envelope in `args.out`.
    """
    known = SignedDocument(kind=document.kind, payload=document.payload, envelope=envelope)
    appraisal = _appraise(known, args)
    for line in _told(known, appraisal):
        say(line)
    # What is signed all the same is signed by whoever read why not: `--anyway` is said beside it.
    judged = None if args.anyway else appraisal
    if judged is not None:
        _or_anyway(require_sound, judged)
    if on_terminal() and not args.yes and not confirmed("Sign?"):
        say("Nothing was signed.", file=sys.stderr)
        return 1
    if args.key is not None:
        signer = open_signer(args.key, asking(args))
        public = signer.public
        if judged is not None:
            _or_anyway(require_needed, judged, public)
        signed = add_signature(envelope, signer)
    else:
        public = _public(args.public)
        if judged is not None:
            _or_anyway(require_needed, judged, public)
        signed = add_made_signature(envelope, public, _raw(read_file(args.signature), args.signature))
    replace_file(args.out, dump_envelope(signed) + b"\n")
    say(f"Signed {document.kind} with {format_public(public)}.")
    say(f"Signatures in {args.out}: {len(signed.signatures)}.")
    return 0


def _or_anyway(require: Callable[..., None], *judged: object) -> None:
    """Ask whether something may be signed, and name in a refusal the option that signs it all the same."""
    try:
        require(*judged)
    except DocumentRefused as error:
        raise DocumentRefused(f"{error.detail}; --anyway signs it all the same", code=error.code) from error


def _public(text: str) -> bytes:
    try:
        return parse_public(text)
    except InputError as error:
        raise ConfigurationError(f"--public: {error.detail}") from error


def _begun(document: SignedDocument, out: Path) -> Envelope:
    """Return the envelope for a signature.

    It is what `out` holds of the same document, or a new one.
    """
    if not out.exists():
        return document.envelope
    envelope = parse_envelope(read_file(out))
    if (envelope.payload_type, envelope.payload) != (
        document.envelope.payload_type,
        document.envelope.payload,
    ):
        raise ConfigurationError(f"`{out}` holds another document; nothing was signed")
    return envelope


def _write_payload(document: SignedDocument, args: argparse.Namespace) -> int:
    appraisal = _appraise(document, args)
    for line in _told(document, appraisal):
        say(line)
    if appraisal is not None and not args.anyway:
        _or_anyway(require_sound, appraisal)
    message = pae(document.envelope.payload_type, document.envelope.payload)
    replace_file(args.payload_out, message)
    say(f"The {len(message)} bytes to sign with Ed25519 are in {args.payload_out}.")
    say(f"Their SHA-256: {hashlib.sha256(message).hexdigest()}")
    say("Then: wicketgate sign DOC.toml --signature F --public ed25519:… --out DOC.dsse.json")
    return 0


def _raw(data: bytes, path: Path) -> bytes:
    """Return a signature, raw or decoded from base64.

    Key services answer with base64.
    """
    if len(data) == _SIGNATURE_BYTES:
        return data
    try:
        decoded = base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != _SIGNATURE_BYTES:
        raise ConfigurationError(
            f"`{path}` holds no Ed25519 signature: {_SIGNATURE_BYTES} bytes, or their base64"
        )
    return decoded


# --- submit -----------------------------------------------------------------------------------------------


def submit_file(args: argparse.Namespace) -> int:
    """Submit an envelope to a gateway, and print its entry.

    It prints too from when it is in force.
    """
    data = read_file(args.envelope)
    open_document(data)
    token = read_file(args.token_file).decode("utf-8", "replace").strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise ConfigurationError(f"`{args.token_file}` holds no token")
    headers = {"Content-Type": ENVELOPE_TYPE}
    body = ask(args.to, "/v1/documents", token, 201, content=data, headers=headers)
    say(f"entry {body.get('entry')}")
    say(f"in_force_from {body.get('in_force_from')}")
    return 0
