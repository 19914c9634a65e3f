"""Documents bound to one log: each names the origin for which it is signed.

Pure. docs/spec/documents.md, section 1.

Offices keep their keys when a gateway is tried beside another one, or set up anew: without the name of its log, what
they signed for the one could be handed in at the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.documents.document import SignedDocument, kind_of

DOCUMENTS_FORM = 2
"""The form of documents that a start of this version demands: 1 may name no log, from 2 on each names it."""


def bind(document: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return an unsigned document that names the log of an origin.

    Raises
    ------
    DocumentRefused
        `malformed` if it has no kind.
    """
    kind = kind_of(document)
    table = document[kind]
    return {**document, kind: {"log": origin, **{name: table[name] for name in table if name != "log"}}}


def log_within(document: Mapping[str, Any]) -> str | None:
    """Return the origin that a document names, or None.

    It may be of any form: `refuse_other_log` compares it.
    """
    table = document[kind_of(document)]
    log = table.get("log") if isinstance(table, Mapping) else None
    return log if isinstance(log, str) else None


def log_named(document: SignedDocument) -> str | None:
    """Return the origin that an opened document names, or None, as `log_within`."""
    return log_within(document.payload)


def describe_log(document: SignedDocument) -> str:
    """Return a sentence on the log for which a document is signed."""
    log = log_named(document)
    if log is None:
        return "It names no log, so that every gateway refuses it: add `log = ` and the origin of yours."
    return f"It is for the log {log}, and for no other."


def refuse_other_log(document: SignedDocument, origin: str, *, needed: bool = True) -> None:
    """Refuse a document that is signed for another log, or for none.

    Parameters
    ----------
    needed : bool
        Whether it must name its log. What a log of version 0.3 took before need not.

    Raises
    ------
    DocumentRefused
        `other-log`, also for a draft or a covered authority within that names another log.
    """
    kind = document.kind
    log = log_named(document)
    if log is None and needed:
        raise DocumentRefused(
            f"`{kind}.log` is missing: it is signed for no log, and this is `{origin}`", code="other-log"
        )
    if log not in (None, origin):
        raise DocumentRefused(
            f"`{kind}.log`: it is signed for the log `{log[:200]}`, and this is `{origin}`", code="other-log"
        )
    for member in ("draft", "covered"):
        inner = document.payload.get(member)
        tables = inner.values() if isinstance(inner, Mapping) else ()
        for table in tables:
            other = table.get("log", origin) if isinstance(table, Mapping) else origin
            if other != origin:
                raise DocumentRefused(
                    f"`{member}` is for the log `{str(other)[:200]}`, and this is `{origin}`",
                    code="other-log",
                )
