"""Settings of registers of keepers: where each is, and by what the gateway is known there.

Which register may be asked, for what and how often, is said by signed authorities alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.stream_urls import is_loopback

MOST_REGISTERS: Final = 20
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_ADAPTER: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_TEXTS: Final = ("url", "key_file", "enquirer", "adapter", "zone")
_NUMBERS: Final = ("per_minute", "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSettings:
    """A register of keepers.

    Attributes
    ----------
    url : str
        Without a slash at its end; `https`, or this machine alone.
    key : str
        By which the gateway is known there.
    enquirer : str
        What the contract calls whoever asks.
    adapter : str
        The name of the file that speaks its language (`gateway/keepers/adapters/`).
    zone : str
        In whose days it dates events.
    per_minute : int
        How many vehicles it is asked about in a minute at most.
    seconds : int
        How long one of its answers may take.
    """

    name: str
    url: str
    key: str = field(repr=False)
    enquirer: str
    adapter: str = "dvla"
    zone: str = "UTC"
    per_minute: int = 60
    seconds: int = 10


def parse_registers(
    folder: Path, data: object, read_secret: Callable[[Path], str]
) -> Mapping[str, RegisterSettings]:
    """Return the settings in the table `registers`, by name.

    Raises
    ------
    ConfigurationError
        Naming the setting and what is wrong with it.
    """
    if not isinstance(data, dict) or len(data) > MOST_REGISTERS:
        raise ConfigurationError(f"[registers] holds at most {MOST_REGISTERS} tables")
    return {name: _register(folder, name, one, read_secret) for name, one in data.items()}


def _register(folder: Path, name: str, data: object, read_secret: Callable[[Path], str]) -> RegisterSettings:
    where = f"[registers.{name[:64]}]"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: names are small letters, digits and `-`")
    if not isinstance(data, dict) or data.keys() - {*_TEXTS, *_NUMBERS}:
        raise ConfigurationError(
            f"{where} holds {', '.join(f'`{key}`' for key in (*_TEXTS, *_NUMBERS))} alone"
        )
    if not all(isinstance(data.get(key, ""), str) for key in _TEXTS):
        raise ConfigurationError(f"{where}: {', '.join(f'`{key}`' for key in _TEXTS)} are texts")
    if not {"url", "key_file", "enquirer"} <= data.keys() or not data["enquirer"]:
        raise ConfigurationError(f"{where} needs `url`, `key_file` and `enquirer`")
    adapter, zone = data.get("adapter", "dvla"), data.get("zone", "UTC")
    if not _ADAPTER.fullmatch(adapter):
        raise ConfigurationError(f"{where}: `adapter` is the name of a file of adapters")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"{where}: `zone` is as the IANA database names it") from error
    return RegisterSettings(
        name=name,
        url=_url(where, data["url"]),
        key=read_secret(folder / data["key_file"]),
        enquirer=data["enquirer"],
        adapter=adapter,
        zone=zone,
        per_minute=_number(where, "per_minute", data.get("per_minute", 60), 6_000),
        seconds=_number(where, "seconds", data.get("seconds", 10), 60),
    )


def _number(where: str, name: str, value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigurationError(f"{where}: `{name}` must lie between 1 and {most}")
    return value


def _url(where: str, url: str) -> str:
    try:
        parts = urlsplit(url) if url.isascii() and url.isprintable() else None
        good = parts is not None and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, good = None, False
    if parts is None or not good or parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(f"{where}: `url` is a URL with a host, and no user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigurationError(f"{where}: `url` has `https`; `http` is for this machine alone")
    return url.rstrip("/")
