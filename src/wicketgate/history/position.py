"""How far a history has come, in a file beside the engine.

An insert over several parts is not whole or absent: a kill may leave some of them. So what is about to be inserted is
written down before, and inserted again as it was after a kill; the engine knows each part of it by its token.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably
from wicketgate.base.forms import newer_form
from wicketgate.history.messages import HistoryPosition

FORM: Final = 4
"""1: columns of `reads` as the engine compresses them by itself; 2: a file for each column; 3: no order of ends."""
_FILE: Final = "position.json"


def read_position(folder: Path) -> HistoryPosition | None:
    """Return how far the history of a folder has come; None where it has not begun.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or is of a later form.
    """
    path = folder / _FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=HistoryPosition)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"`{folder.name}/{_FILE}` cannot be read: remove `{folder.name}/` to begin a new history"
        ) from error
    if found.form > FORM:
        raise ConfigurationError(newer_form(f"`{folder.name}/{_FILE}`", found.form, FORM))
    return found


def write_position(folder: Path, position: HistoryPosition) -> None:
    """Write how far it has come. Durable on return."""
    write_durably(folder / _FILE, msgspec.json.encode(position), aside=folder / f"{_FILE}.new")
