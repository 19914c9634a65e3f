"""Settings of the operator's own adapters: forms in files, each with its hash.

The hash stands in the settings, and the settings' hash is committed at each start: which form read a payload is known
afterwards, and no form changes while a gateway runs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wicketgate.base.errors import ConfigurationError

MOST_ADAPTERS: Final = 50
_LARGEST: Final = 32 * 1024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


def parse_adapters(folder: Path, data: object) -> Mapping[str, str]:
    """Return the texts of the forms in the table `adapters`, by name.

    Raises
    ------
    ConfigurationError
        Naming the setting and what is wrong with it.
    """
    if not isinstance(data, dict) or len(data) > MOST_ADAPTERS:
        raise ConfigurationError(f"[adapters] holds at most {MOST_ADAPTERS} tables")
    return {name: _text(folder, name, one) for name, one in data.items()}


def _text(folder: Path, name: str, data: object) -> str:
    where = f"[adapters.{name[:64]}]"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: names are small letters, digits and `-`, at most 40 of them")
    if not isinstance(data, dict) or data.keys() != {"file", "sha256"}:
        raise ConfigurationError(
            f"{where} holds `file` and `sha256` alone: `wicketgate adapter try` prints them"
        )
    if not isinstance(data["file"], str) or not isinstance(data["sha256"], str):
        raise ConfigurationError(f"{where}: `file` and `sha256` are texts")
    try:
        with (folder / data["file"]).open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{where}: `file` cannot be read") from error
    if len(text) > _LARGEST:
        raise ConfigurationError(f"{where}: a form has at most {_LARGEST} bytes")
    if hashlib.sha256(text).hexdigest() != data["sha256"].lower():
        raise ConfigurationError(
            f"{where}: the file has another SHA-256 than is said: try it again with `wicketgate adapter try`"
        )
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: the file is not UTF-8") from error
