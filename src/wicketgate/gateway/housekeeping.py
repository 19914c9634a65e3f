"""Keep house beside the gate: snapshots, terms, purges."""

from __future__ import annotations

_SNAPSHOT_S = 10.0
_FLUSH_S = 2.0
_TERMS_S = 600.0
_TERMS_LOOKS = 1200
