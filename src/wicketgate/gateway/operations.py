"""The operator's entries of the log: what software runs, the founding, an upgrade. Pure, but for the settings' hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import canonical
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Build
from wicketgate.gateway.filing.documents import document_transaction
from wicketgate.gateway.forms import FORM, PART_FORMS
from wicketgate.ledger.facts import ENTRIES_FORM
from wicketgate.regime.documents.binding import DOCUMENTS_FORM
from wicketgate.regime.documents.document import SignedDocument


def software(folder: Path) -> Mapping[str, Any]:
    """Return the members that say which software runs a deployment, and in which forms it writes the log."""
    settings = (folder / "wicketgate.toml").read_bytes()
    return {
        "software": f"wicketgate {installed_version('wicketgate')}",
        "settings": hashlib.sha256(settings).hexdigest(),
        "documents": DOCUMENTS_FORM,
        "entries": ENTRIES_FORM,
    }


def founding(envelope: bytes, document: SignedDocument, folder: Path, log_key: str) -> Build:
    """Return what makes the first transaction: the charter, and the operation `init`."""

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        transaction = document_transaction(envelope, document, 0, at_us)
        operation = {
            **software(folder),
            "kind": "operation",
            "operation": "init",
            "at": rfc3339(at_us),
            "log_key": log_key,
        }
        return msgspec.structs.replace(
            transaction, entries=(*transaction.entries, canonical(operation)), directory_form=FORM
        )

    return build


def replaced(what: str, count: int) -> Build:
    """Return what makes the transaction that tells of children (`front`, `reader`) that ended and were replaced."""

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        body = {
            "kind": "operation",
            "operation": f"{what}s-replaced",
            "at": rfc3339(at_us),
            "count": count,
        }
        return Transaction(at_us=at_us, first_entry=state.entries, entries=(canonical(body),))

    return build


def roles_known(roles: Sequence[str]) -> Build:
    """Return what makes the transaction that tells which roles on other hosts are known from now on."""

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        body = {"kind": "operation", "operation": "roles", "at": rfc3339(at_us), "roles": list(roles)}
        return Transaction(at_us=at_us, first_entry=state.entries, entries=(canonical(body),))

    return build


def backup_taken(recipients: Sequence[str]) -> Build:
    """Return what makes the transaction that tells that a backup is taken, and to whom its keys are encrypted."""

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        body = {
            "kind": "operation",
            "operation": "backup",
            "at": rfc3339(at_us),
            "recipients": list(recipients),
        }
        return Transaction(at_us=at_us, first_entry=state.entries, entries=(canonical(body),))

    return build


def upgraded(folder: Path, form: int, machine_us: int) -> Mapping[str, Any]:
    """Return the members of the entry `upgraded`, but for its time.

    Parameters
    ----------
    form : int
        Of the directory before.
    machine_us : int
        The machine's clock: the gateway's own stands still between two starts.
    """
    return {
        **software(folder),
        "from": form,
        "to": FORM,
        "forms": dict(PART_FORMS),
        "machine": rfc3339(machine_us),
    }
