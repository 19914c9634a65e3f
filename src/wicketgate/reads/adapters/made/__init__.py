"""The forms that every gateway has (`*.toml`), one a maker."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

MADE: Final[Mapping[str, str]] = {
    file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
    for file in sorted(files(__name__).iterdir(), key=lambda one: one.name)
    if file.name.endswith(".toml")
}
"""The name of each to its text."""
