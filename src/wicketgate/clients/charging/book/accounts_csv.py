"""Read a file of accounts' vehicles: CSV, taken whole or refused whole. Pure. docs/spec/money.md, section 4."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book.accounts import AccountVehicle
from wicketgate.reads.plates import PlateFault, read_plate

COLUMNS: Final = ("account", "plate", "from", "until", "class", "discounts", "exemptions")
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_LINES: Final = 200_000
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_accounts(data: bytes) -> tuple[AccountVehicle, ...]:
    """Return the vehicles of a file: a head with the seven columns in their order, then one vehicle a line.

    `discounts` and `exemptions` are ids of the scheme with blanks between them. Without `account` a vehicle is
    registered for its class, discounts and exemptions alone.

    Raises
    ------
    InputError
        With the first line that is wrong and why; code `accounts-refused`. It holds no value.
    """
    if len(data) > MOST_BYTES:
        raise _refused(1, f"a file has at most {MOST_BYTES >> 20} MiB")
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, [one.strip() for one in cells]) for cells in reader]
    except UnicodeDecodeError:
        raise _refused(1, "it is not UTF-8") from None
    except csv.Error:
        raise _refused(1, "it is no CSV") from None
    filled = [(line, cells) for line, cells in rows if any(cells)]
    if not filled or tuple(filled[0][1]) != COLUMNS:
        raise _refused(1, f"the head is `{','.join(COLUMNS)}`")
    if len(filled) > MOST_LINES:
        raise _refused(MOST_LINES, f"a file has at most {MOST_LINES} lines")
    found = []
    for line, cells in filled[1:]:
        if len(cells) != len(COLUMNS):
            raise _refused(line, f"it has {len(cells)} cells of {len(COLUMNS)}")
        found.append(_vehicle(line, dict(zip(COLUMNS, cells, strict=True))))
    return tuple(found)


def _vehicle(line: int, said: Mapping[str, str]) -> AccountVehicle:
    plate = read_plate(said["plate"])
    if isinstance(plate, PlateFault):
        raise _refused(line, "`plate` is no plate")
    if said["account"] and not _ID.fullmatch(said["account"]):
        raise _refused(line, "`account` is 1 to 64 letters, digits, `.`, `_` or `-`")
    names = [*said["discounts"].split(), *said["exemptions"].split(), *filter(None, [said["class"]])]
    if not all(map(_NAME.fullmatch, names)):
        raise _refused(line, "`class`, `discounts` and `exemptions` are ids of the scheme")
    return AccountVehicle(
        account=said["account"],
        plate=plate,
        first=_day(line, "from", said["from"]),
        until=_day(line, "until", said["until"]) if said["until"] else None,
        class_=said["class"] or None,
        discounts=frozenset(said["discounts"].split()),
        exemptions=frozenset(said["exemptions"].split()),
    )


def _day(line: int, name: str, text: str) -> date:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise _refused(line, f"`{name}` is a day as 2026-09-01") from None


def _refused(line: int, why: str) -> InputError:
    return InputError(f"nothing was taken: line {line}: {why}", code="accounts-refused")
