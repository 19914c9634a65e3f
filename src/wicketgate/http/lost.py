"""Browsers at addresses that there are not: they are shown a page, and programs are told that they are not known."""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

NOT_FOUND: Final = "/not-found"
"""What a browser is shown at an address outside the API that there is not."""


def is_lost(scope: Scope) -> bool:
    """Return whether a person's browser asks for a page outside the API."""
    if scope["method"] not in ("GET", "HEAD") or scope["path"].startswith(("/v1", "/metrics")):
        return False
    return any(name == b"accept" and value.startswith(b"text/html") for name, value in scope["headers"])
