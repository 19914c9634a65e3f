"""The history's process of a deployment: its folder is stamped, and its key is made with it."""

from __future__ import annotations

import secrets
from pathlib import Path

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.parts import FolderPart, Stamp, demand_own, private_folder
from wicketgate.history.child import HistoryProcess
from wicketgate.history.position import read_position
from wicketgate.history.schema import KEY_BYTES


class HistoryChild(HistoryProcess):
    """The one process that owns the history of a deployment.

    Parameters
    ----------
    folder, key : Path
        Of the history, and the file of its disk's key.
    stamp : Stamp
        Of the deployment.

    Raises
    ------
    ConfigurationError
        If the folder is another deployment's, or its key is missing.
    """

    def __init__(self, folder: Path, key: Path, stamp: Stamp) -> None:
        part = FolderPart(folder)
        demand_own(part, stamp)
        if part.stamp() is None:
            part.put_stamp(stamp)
        private_folder(key.parent)
        if not key.exists():
            if read_position(folder) is not None:
                raise ConfigurationError(
                    f"`{key.parent.name}/{key.name}` is missing, and `{folder.name}/` cannot be read without it: "
                    "restore it, or remove that folder to begin a new history"
                )
            # A crash in here leaves a short file, which the process refuses: remove it, and one is made anew.
            write_secret(key, secrets.token_hex(KEY_BYTES))
        super().__init__(folder, key)
