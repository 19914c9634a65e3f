"""The stores of a backup: a folder, or an S3 store by its URL."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.files import sync_file_system
from wicketgate.base.settings import read_secret
from wicketgate.base.stream_urls import is_loopback
from wicketgate.gateway.backup.manifest import OBJECT

KEYS_NAME: Final = "keys.age"
"""The one file of a store of keys: each backup writes it over."""
_OBJECTS: Final = "objects"
_WHOSE: Final = "deployment"
_URL: Final = re.compile(
    r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9][A-Za-z0-9._/-]{0,200})", re.ASCII
)
_ACCESS: Final = frozenset({"region", "endpoint", "access_key", "secret_key"})
_AT_ONCE: Final = 1_000


class BackupStore:
    """One store: of objects, or of keys.

    Parameters
    ----------
    folder : Path or None
        Where it is a folder; it is made durable by `settle`.
    """

    def __init__(self, store: ObjectStore, folder: Path | None) -> None:
        self._store = store
        self._folder = folder

    def claim(self, whose: str) -> None:
        """Let the store be a deployment's, or refuse that of another: what a backup does not name it deletes.

        Raises
        ------
        ConfigurationError
            If it is another's.
        """
        found = self._get(_WHOSE)
        if found is None:
            self._put(_WHOSE, whose.encode())
        elif found != whose.encode():
            raise ConfigurationError(
                "a store holds the backups of another deployment: give each stores of its own"
            )

    def put(self, name: str, data: bytes) -> None:
        """Store an object under a new name."""
        self._put(_path(name), data)

    def get(self, name: str) -> bytes | None:
        """Return an object, or None where there is none."""
        return self._get(_path(name))

    def put_keys(self, data: bytes) -> None:
        """Write the file of keys over the former one, whole or not at all."""
        self._put(KEYS_NAME, data)
        self.settle()

    def keys(self) -> bytes | None:
        """Return the file of keys, or None where there is none."""
        return self._get(KEYS_NAME)

    def settle(self) -> None:
        """Make everything that was stored durable."""
        if self._folder is not None:
            sync_file_system(self._folder)

    def names(self) -> set[str]:
        """Return the names of the objects that are there."""
        return {path.rpartition("/")[2] for some in self._listed() for path in some if _is_object(path)}

    def end_all_but(self, kept: Collection[str]) -> int:
        """Delete every object that is not to be kept, and return how many."""
        gone = 0
        for some in self._listed():
            dead = [path for path in some if _is_object(path) and path.rpartition("/")[2] not in kept]
            if not dead:
                continue
            try:
                obstore.delete(self._store, dead)
            except (BaseError, OSError) as error:
                raise _away() from error
            gone += len(dead)
        return gone

    def _listed(self) -> Iterator[list[str]]:
        try:
            for some in obstore.list(self._store, f"{_OBJECTS}/", chunk_size=_AT_ONCE):
                yield [item["path"] for item in some]
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _away() from error

    def _put(self, path: str, data: bytes) -> None:
        try:
            obstore.put(self._store, path, data, mode="overwrite")
        except (BaseError, OSError) as error:
            raise _away() from error

    def _get(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _away() from error


def open_store(where: str, access: Path | None, *, make: bool) -> BackupStore:
    """Return the store at a folder, or at a URL like `s3://bucket/prefix`.

    Parameters
    ----------
    access : Path or None
        For S3: a TOML file of mode 0600 with `region`, `access_key`, `secret_key`, and `endpoint` where it is not
        Amazon's.
    make : bool
        Whether a folder that is missing is made.

    Raises
    ------
    ConfigurationError
        If it is neither, or the file says something else.
    """
    if "://" not in where:
        folder = Path(where)
        if not make and not folder.is_dir():
            raise ConfigurationError(f"`{where}` is no folder")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"`{where}` cannot be used: {(error.strerror or 'error').lower()}"
            ) from error
        return BackupStore(LocalStore(folder), folder)
    found = _URL.fullmatch(where)
    if found is None:
        raise ConfigurationError("a store is a folder, or a URL like `s3://bucket/prefix`")
    if access is None:
        raise ConfigurationError(
            f"`{where[:100]}` needs a file that lets you in: `--to-access`, `--keys-access`"
        )
    said = _access(access)
    endpoint = said.get("endpoint")
    return BackupStore(
        S3Store(
            found[1],
            prefix=found[2],
            endpoint=endpoint,
            region=said["region"],
            access_key_id=said["access_key"],
            secret_access_key=said["secret_key"],
            virtual_hosted_style_request=endpoint is None,
            client_options={"allow_http": (endpoint or "").startswith("http://"), "timeout": "60s"},
            retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
        ),
        None,
    )


def _access(path: Path) -> dict[str, str]:
    try:
        said = tomllib.loads(read_secret(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"`{path.name}` is not TOML") from error
    if said.keys() - _ACCESS or not all(isinstance(value, str) and value for value in said.values()):
        raise ConfigurationError(
            f"`{path.name}` holds {', '.join(f'`{one}`' for one in sorted(_ACCESS))} alone"
        )
    if not {"region", "access_key", "secret_key"} <= said.keys():
        raise ConfigurationError(f"`{path.name}` needs `region`, `access_key` and `secret_key`")
    endpoint = said.get("endpoint", "https://")
    scheme, _, rest = endpoint.partition("://")
    host = rest.partition("/")[0].rpartition(":")[0] or rest
    if scheme != "https" and not (scheme == "http" and is_loopback(host)):
        raise ConfigurationError(
            f"`endpoint` in `{path.name}` must be like `https://s3.example`; `http://` is for this machine alone"
        )
    return said


def _path(name: str) -> str:
    return f"{_OBJECTS}/{name[:2]}/{name}"


def _is_object(path: str) -> bool:
    return OBJECT.fullmatch(path.rpartition("/")[2]) is not None


def _away() -> StreamError:
    return StreamError("the store of the backup does not answer, or refuses", code="streams-unavailable")
