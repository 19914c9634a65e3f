"""The act by which the offices of the charter replace the admin's token. Pure. docs/spec/documents.md, section 5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import rfc3339
from wicketgate.regime.charter import DOCUMENT_ID
from wicketgate.regime.members import Members

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminReplaced:
    """The replacement of every token of the admin by one.

    Attributes
    ----------
    sha256 : str
        Of the new token, hexadecimal; whoever made it has the token, and nobody else can come by it.
    """

    id: str
    at_us: int
    sha256: str
    reason: str
    document: Mapping[str, Any]


def parse_admin(document: Mapping[str, Any]) -> AdminReplaced:
    """Return the act in a document.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member.
    """
    root = Members(document)
    members = root.table("admin")
    members.log()
    act = AdminReplaced(
        id=members.text("id", pattern=DOCUMENT_ID),
        at_us=members.time_us("at"),
        sha256=members.text("token", pattern=_DIGEST).removeprefix("sha256:"),
        reason=members.text("reason", most=20_000),
        document=document,
    )
    members.end()
    root.end()
    return act


def describe_admin(act: AdminReplaced) -> list[str]:
    """Describe in sentences what the act does."""
    return [
        f"Every token of the admin is worthless from its commit; one whose SHA-256 is {act.sha256} takes their place "
        f"({act.id}, {rfc3339(act.at_us)}).",
        "Whoever has it issues and withdraws tokens and reads the gateway's metrics. It lets no read go.",
        f"Reason: {act.reason}",
    ]
