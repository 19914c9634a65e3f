"""What is kept of witnesses in a deployment's folder: the newest cosigned checkpoint, and what one would not cosign."""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from wicketgate.base.files import write_durably
from wicketgate.base.parts import private_folder
from wicketgate.ledger.witnessed import MOST_SHOWN, RefusalSeen

log = logging.getLogger(__name__)

_COSIGNED: Final = "cosigned"
_REFUSED: Final = "refused-"


class WitnessFolder:
    """The folder `witnessed/` of a deployment. It can be lost: witnesses have the first, and readers saw the rest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cosigned(self) -> bytes:
        """Return the newest checkpoint that enough had cosigned; nothing where there is none."""
        try:
            return (self._folder / _COSIGNED).read_bytes()
        except FileNotFoundError:
            return b""

    def keep_cosigned(self, note: bytes) -> None:
        """Keep it, whole or not at all. It is not synced: one that is older costs nothing but its age."""
        private_folder(self._folder)
        aside = self._folder / f".{_COSIGNED}.new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(note)
        aside.replace(self._folder / _COSIGNED)

    def refusals(self) -> list[RefusalSeen]:
        """Return what is kept of refusals, the first ones first."""
        found = []
        for path in self._folder.glob(f"{_REFUSED}*"):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=RefusalSeen))
            except (msgspec.DecodeError, UnicodeDecodeError):
                log.error("a refusal of a witness that was kept cannot be read")
        return sorted(found, key=lambda one: one.at)[:MOST_SHOWN]

    def keep_refusal(self, refusal: RefusalSeen) -> None:
        """Keep one durably: it is what shows that the log's key signed two logs."""
        private_folder(self._folder)
        data = msgspec.json.encode(refusal)
        path = self._folder / f"{_REFUSED}{sha256(data).hexdigest()[:16]}"
        write_durably(path, data, aside=self._folder / ".refused.new")
