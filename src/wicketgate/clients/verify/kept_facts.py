"""The forms of facts on histories: what a gateway's own lacks, and how far a recipient's custody has come."""

from __future__ import annotations

from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Number = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]


class _KeptFact(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True):
    """A fact on a history."""

    salt: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class _HistoryGapFact(_KeptFact, tag="history-gap", kw_only=True):
    commit: _Number
    first: _Number
    last: _Number
    from_: str = msgspec.field(name="from")
    until: str
    reads: _Count | None = None


class _CustodyFact(_KeptFact, tag="custody-checkpoint", kw_only=True):
    commit: _Number
    authority: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")]
    size: _Number
    root: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    batch: _Count
    token: Annotated[str, msgspec.Meta(max_length=8192)]


KEPT_FACTS = _HistoryGapFact | _CustodyFact
"""Every kind of them."""
