"""The mark of a restore: the first start behind it ends what is past its term before it serves, and the log says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably

RESTORED = "restored"
RESTORING = "restoring"
"""The mark of a restore that has not ended: the next one begins anew."""


class RestoredMark(msgspec.Struct, frozen=True):
    """Of which time the backup was, and of how many transactions."""

    form: int
    taken_us: int
    position: int


def write_mark(folder: Path, mark: RestoredMark) -> None:
    """Let the next start know."""
    write_durably(folder / RESTORED, msgspec.json.encode(mark), aside=folder / f"{RESTORED}.new")


def read_mark(folder: Path) -> RestoredMark | None:
    """Return the mark of a restore that no start has told of yet, or None.

    Raises
    ------
    ConfigurationError
        If it cannot be read.
    """
    try:
        return msgspec.json.decode((folder / RESTORED).read_bytes(), type=RestoredMark)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"`{RESTORED}` cannot be read: restore again") from error


def said_of(mark: RestoredMark | None) -> dict[str, Any]:
    """Return what the entry of a start says of a restore before it."""
    return {} if mark is None else {"restored": rfc3339(mark.taken_us)}


def clear_mark(folder: Path) -> None:
    """Forget it: the log has told of it."""
    # A crash before this has the next start tell of it once more.
    (folder / RESTORED).unlink(missing_ok=True)
