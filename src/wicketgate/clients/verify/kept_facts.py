"""The forms of facts on histories: what a gateway's own lacks, and how far a recipient's custody has come."""

from __future__ import annotations

import msgspec

from wicketgate.clients.verify.fact_forms import Count, FactForm, Hash, Name, Number, Text


class _HistoryGapFact(FactForm, tag="history-gap", kw_only=True):
    commit: Number
    first: Number
    last: Number
    from_: str = msgspec.field(name="from")
    until: str
    reads: Count | None = None


class _CustodyFact(FactForm, tag="custody-checkpoint", kw_only=True):
    commit: Number
    authority: Name
    size: Number
    root: Hash
    batch: Count
    token: Text


KEPT_FACTS = _HistoryGapFact | _CustodyFact
"""Every kind of them."""
