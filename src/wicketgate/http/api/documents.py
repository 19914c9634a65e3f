"""Take signed documents."""

from __future__ import annotations

_MAX_DOCUMENT = 1024 * 1024
