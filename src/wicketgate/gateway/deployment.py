"""A deployment's directory, made by `init` and demanded by `serve`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from wicketgate.base.errors import ConfigurationError, InputError, LedgerError
from wicketgate.base.files import write_secret
from wicketgate.base.parts import Stamp, private_folder
from wicketgate.base.settings import read_secret
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.base.signing import PrivateKey, Signer
from wicketgate.gateway.forms import FORM, DirectoryForm, read_form, refuse_newer, refuse_older, write_form
from wicketgate.ledger.notes import NoteSigner, unverified_checkpoint

ENVIRONMENTS = ("index", "proofs", "hits", "feeds", "alerts")
"""The parts that are environments of LMDB."""
PARTS = ("log", "nats", "index", "proofs", "hits", "feeds", "alerts", "vault", "images", "snapshots")
"""The folders of a deployment beside `keys`."""
_LOCK_PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """The places of a deployment's parts.

    wicketgate.toml  settings              keys/    secrets, mode 0600        lock   held by gateway and child
    form    of the directory (`gateway.forms`)
    log/    the public ledger, servable by any web server as it is
    nats/   the streams                     index/   which reads were seen     proofs/  proofs of releases
    images/ of reads                        clock    the time of the last start, on this boot of the machine
    alerts/ that are not sent yet           witnessed/  what witnesses cosigned and refused
    snapshots/  of the fold                 roles/   which roles on other hosts are known
    history/ of reads, where there is one   history-keys/  the key of its disk
    """

    folder: Path

    @property
    def log(self) -> Path:
        """The folder of the public ledger."""
        return self.folder / "log"

    @property
    def log_key(self) -> Path:
        """The log's private key."""
        return self.folder / "keys" / "log.pem"

    @property
    def index_key(self) -> Path:
        """The secret of the index of repeats."""
        return self.folder / "keys" / "index.key"

    @property
    def roles(self) -> Path:
        """The folder of the book of roles."""
        return self.folder / "roles"

    def part(self, name: str) -> Path:
        """Return the folder of another part."""
        return self.folder / name

    def signer(self) -> PrivateKey:
        """Return the log's key."""
        read_secret(self.log_key)
        return PrivateKey.load(self.log_key)

    def log_signer(self, key: Signer | None = None) -> NoteSigner:
        """Return the signer of checkpoints.

        It is the log's key, or what stands for it, under the origin that the last checkpoint names.

        Raises
        ------
        LedgerError
            If `checkpoint` cannot be read, or is none.
        """
        try:
            origin = unverified_checkpoint((self.log / "checkpoint").read_bytes()).origin
        except OSError as error:
            raise LedgerError("`checkpoint` cannot be read") from error
        except InputError as error:
            raise LedgerError(f"`checkpoint`: {error.detail}") from error
        return note_signer(key or self.signer(), origin)

    def index_secret(self) -> bytes:
        """Return the secret of the index of repeats."""
        try:
            key = bytes.fromhex(read_secret(self.index_key))
        except ValueError:
            key = b""
        if not 16 <= len(key) <= 64:
            raise ConfigurationError(
                f"`{self.index_key.name}` is not a secret of 16 to 64 bytes in hexadecimal"
            )
        return key

    def stamp(self, *secrets_of_part: bytes) -> Stamp:
        """Return the stamp of a part that hangs on the log's key, and on these secrets."""
        signer = self.log_signer()
        fingerprint = hashlib.sha256(signer.vkey.encode())
        for secret in secrets_of_part:
            fingerprint.update(hashlib.blake2b(b"part", key=secret).digest())
        return Stamp(origin=signer.name, key=fingerprint.hexdigest()[:32])

    def demand(self, *, upgrading: bool = False) -> DirectoryForm:
        """Refuse a directory not made, or not finished, by `init`, one that cannot be written to, or of another form.

        Nothing is touched.

        Parameters
        ----------
        upgrading : bool
            Whether one of an earlier form will do.

        Returns
        -------
        DirectoryForm
            What it says of its form.

        Raises
        ------
        ConfigurationError
            Naming what is missing, or both forms.
        """
        form = read_form(self.folder)
        refuse_newer(self.folder, form)
        demanded = [
            self.folder / "wicketgate.toml",
            self.log_key,
            self.index_key,
            self.log / "checkpoint",
        ]
        # Made anew these would be empty: repeats would be taken twice, and promises seem to be broken.
        demanded += [self.part(name) / "data.mdb" for name in ("index", "proofs", "hits")]
        for path in demanded:
            if not path.exists():
                raise ConfigurationError(
                    f"`{self.folder}` is not a whole deployment (`{path.relative_to(self.folder)}` is missing): "
                    "restore it, or make a new one with `wicketgate init`"
                )
        for name in ("", *PARTS):
            folder = self.part(name)
            if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise ConfigurationError(
                    f"`{folder}` cannot be written to: give it to the gateway's user, on a writable disk"
                )
        if not upgrading:
            refuse_older(self.folder, form)
        return form

    def lay(self, settings: bytes = TEMPLATE.encode()) -> PrivateKey:
        """Make the directory with its keys and settings.

        The settings are TOML, checked before. Return the log's key.

        Raises
        ------
        ConfigurationError
            If something is there already.
        """
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ConfigurationError(f"`{self.folder}` is not empty: a deployment is never made over another")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)
        except OSError as error:
            raise ConfigurationError(
                f"`{self.folder}` cannot be made: {(error.strerror or 'error').lower()}"
            ) from error
        private_folder(self.folder / "keys")
        key = PrivateKey.generate()
        key.save(self.log_key, label="the log's key")
        write_secret(self.index_key, secrets.token_hex(32))
        (self.folder / "wicketgate.toml").write_bytes(settings)
        (self.folder / "wicketgate.toml").chmod(0o644)
        write_form(self.folder, DirectoryForm(form=FORM))
        return key

    def lock(self) -> int:
        """Take the deployment's lock.

        Wait a little for the child of a killed gateway to go.

        Returns
        -------
        int
            The file descriptor, to be handed to the child: the lock holds while either lives.

        Raises
        ------
        ConfigurationError
            If another gateway runs here.
        """
        try:
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"`{self.folder / 'lock'}` cannot be used: {(error.strerror or 'error').lower()}"
            ) from error
        until, pause = time.monotonic() + _LOCK_PATIENCE_S, threading.Event()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(handle)
                    raise ConfigurationError(f"another gateway runs in `{self.folder}`") from None
                pause.wait(0.05)  # `sleep` fails where the machine's clock is faked
            else:
                return handle


def note_signer(key: Signer, origin: str) -> NoteSigner:
    """Return the signer of checkpoints under the log's origin.

    It signs with the log's key.
    """
    return NoteSigner(name=origin, private=key)
