"""The folder of a witness: its keys, the logs it knows, what it cosigned last of each, and what it would not cosign."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.files import write_durably, write_secret
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import PrivateKey
from wicketgate.ledger.cosignatures import MOST_NAME, Cosigner, CosignerKey, Ed25519Cosigner, MlDsaCosigner
from wicketgate.ledger.notes import NoteVerifier, parse_vkey

MOST_LOGS: Final = 1_000
MOST_EVIDENCE: Final = 64
"""Bodies kept of each log: the first ones, which are those that show what was signed twice."""


class WitnessPlace:
    """The folder of one witness, open to one process.

    Parameters
    ----------
    folder : Path
        Made, with keys, if it is missing and a name is given.
    name : str, optional
        The witness's own, in its signature lines; that of a folder cannot be changed.

    Raises
    ------
    ConfigurationError
        If the folder is no witness's, another process has it open, or `name` is missing or another one.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self._folder = folder
        try:
            for path in (folder, folder / "last", folder / "evidence"):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise ConfigurationError(f"another process has `{folder}` open") from error
        except OSError as error:
            raise ConfigurationError(f"`{folder}` cannot be used: {error.strerror}") from error
        try:
            self.name = self._named(name)
            self.keys: tuple[CosignerKey, ...] = self._keys()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process open it."""
        os.close(self._lock)

    @property
    def cosigners(self) -> tuple[Cosigner, ...]:
        """The public keys, Ed25519's first."""
        return tuple(key.cosigner for key in self.keys)

    def _named(self, name: str | None) -> str:
        path = self._folder / "name"
        if path.exists():
            found = path.read_text().rstrip("\n")
            if name not in (None, found):
                raise ConfigurationError(f"this witness is `{found}`: another name is another folder")
            return found
        if name is None:
            raise ConfigurationError("a new witness needs `--name`, by custom an address without `https://`")
        try:
            NoteVerifier(name=name, public=bytes(32))
        except InputError as error:
            raise ConfigurationError(f"`--name`: {error.detail}") from error
        if len(name.encode()) > MOST_NAME:
            raise ConfigurationError(
                f"`--name`: one of more than {MOST_NAME} bytes cannot cosign in the form of ML-DSA-44"
            )
        # A crash in here leaves a folder with a name and without keys: the next start makes what is missing.
        write_durably(path, f"{name}\n".encode(), aside=path.with_suffix(".part"))
        return name

    def _keys(self) -> tuple[CosignerKey, ...]:
        ed25519, ml_dsa = self._folder / "ed25519.pem", self._folder / "ml-dsa-44.seed"
        for path in (ed25519, ml_dsa):
            if not path.exists() and any((self._folder / "last").iterdir()):
                raise ConfigurationError(f"`{path.name}` is missing beside what was cosigned: restore it")
        if not ed25519.exists():
            PrivateKey.generate().save(ed25519, label=f"cosigns as {self.name}")
        if not ml_dsa.exists():
            write_secret(ml_dsa, secrets.token_hex(32))
        try:
            second = MlDsaCosigner(self.name, bytes.fromhex(read_secret(ml_dsa)))
        except (ValueError, InputError) as error:
            raise ConfigurationError(f"`{ml_dsa.name}` is no seed of 32 bytes in hexadecimal") from error
        return Ed25519Cosigner(name=self.name, private=PrivateKey.load(ed25519)), second

    # --- the logs ---------------------------------------------------------------------------------------------

    def logs(self) -> dict[str, list[NoteVerifier]]:
        """Return the trusted keys by origin: a log's key has the origin as its name.

        ConfigurationError if a line of the file is none.
        """
        path = self._folder / "logs"
        known: dict[str, list[NoteVerifier]] = {}
        for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), start=1):
            if not line or line.startswith("#"):
                continue
            try:
                verifier = parse_vkey(line)
            except InputError as error:
                raise ConfigurationError(f"`{path.name}`, line {number}: {error.detail}") from error
            known.setdefault(verifier.name, []).append(verifier)
        return known

    def add(self, verifiers: Iterable[NoteVerifier]) -> None:
        """Know further logs from now on.

        ConfigurationError if they would be more than `MOST_LOGS`.
        """
        known = [one for some in self.logs().values() for one in some]
        new = [one for one in verifiers if one not in known]
        if len(known) + len(new) > MOST_LOGS:
            raise ConfigurationError(f"a witness knows at most {MOST_LOGS} logs")
        if new:
            path = self._folder / "logs"
            lines = [*(path.read_text().splitlines() if path.exists() else ()), *(one.vkey for one in new)]
            data = "".join(f"{line}\n" for line in lines).encode()
            write_durably(path, data, aside=path.with_suffix(".part"))

    # --- what was cosigned ------------------------------------------------------------------------------------

    def last(self, origin: str) -> bytes | None:
        """Return the checkpoint that was cosigned last, with all its signatures."""
        return self.shown(_of(origin))

    def shown(self, digest: str) -> bytes | None:
        """Return it by the SHA-256 of the origin, in hexadecimal."""
        try:
            return (self._folder / "last" / digest).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, origin: str, note: bytes) -> None:
        """Keep what is cosigned now. Durable on return."""
        path = self._folder / "last" / _of(origin)
        # A crash up to the rename leaves the one before: what is cosigned now was not answered.
        write_durably(path, note, aside=self._folder / "last.part")

    # --- what was not -----------------------------------------------------------------------------------------

    def keep_evidence(self, origin: str, body: bytes, *, is_split: bool) -> Path | None:
        """Keep what a log signed and was not cosigned.

        Return where; None where it is kept already, or enough is. Two trees of one size only the log's key can make:
        the first ones are kept. Of what was not proved, which anybody can send, the newest one alone.
        """
        folder = self._folder / "evidence" / _of(origin)
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / (f"split-{sha256(body).hexdigest()}" if is_split else "unproved")
        if is_split and (path.exists() or sum(1 for _ in folder.iterdir()) > MOST_EVIDENCE):
            return None
        write_durably(path, body, aside=self._folder / "evidence.part")
        return path


def _of(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()
