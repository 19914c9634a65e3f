"""A directory for a second sequencer, made from the first one's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import sync_file_system
from wicketgate.gateway.deployment import Deployment

_ITS_OWN: Final = frozenset({"lock", "node", "clock", "nats"})
"""What a directory has for itself alone."""


def make_standby(first: Deployment, folder: Path) -> None:
    """Copy a deployment for a second sequencer.

    The first one is stopped for it: what it has must be of one moment. Its keys come along, so the copy is as secret as
    what it was made from. A crash leaves a folder that ends in `.making`, to be removed.

    Raises
    ------
    ConfigurationError
        If the first one runs, or there is something at `folder` already.
    """
    if folder.exists():
        raise ConfigurationError(f"`{folder}` is there already: a sequencer is never made over another")
    lock = first.lock()
    try:
        first.demand()
        aside = folder.with_name(f"{folder.name}.making")
        if aside.exists():
            raise ConfigurationError(f"`{aside}` is what a crash left: remove it first")
        try:
            shutil.copytree(first.folder, aside, symlinks=True, ignore=_own(first.folder))
            sync_file_system(aside)
            aside.rename(folder)
        except (OSError, shutil.Error) as error:
            raise ConfigurationError(f"`{folder}` cannot be made: {type(error).__name__}") from error
    finally:
        os.close(lock)


def _own(folder: Path) -> Callable[[str, list[str]], set[str]]:
    def ignored(at: str, names: list[str]) -> set[str]:
        sockets = {name for name in names if Path(at, name).is_socket()}
        return sockets | (set(names) & _ITS_OWN if Path(at) == folder else set())

    return ignored
