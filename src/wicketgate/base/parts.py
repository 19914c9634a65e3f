"""The parts of a deployment's directory: private, whole, and stamped with whose they are.

A part says to which deployment it belongs and how far it follows COMMITS. Whoever starts the gateway
compares that with the streams: a part that is foreign, older or emptied is then rebuilt or refused, never taken as
it is. docs/spec/directory.md has the rules.
"""

from __future__ import annotations

import logging
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, Protocol

import lmdb
import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably
from wicketgate.base.forms import FIRST, newer_form

log = logging.getLogger(__name__)

_Opening = ParamSpec("_Opening")

STAMP_FILE = "part.json"
_STAMP_KEY = b"wicketgate stamp"
_META = struct.Struct("<Q")
_WALK_S = 4.0
"""For all parts together: a start answers within ten seconds."""
_WALK_PATIENCE_S = 30.0


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a part is, and how far it has come.

    Attributes
    ----------
    form : int
        Of the part: how what it holds is written.
    origin : str
        Of the deployment's log.
    key : str
        The fingerprint of the keys that the part hangs on.
    position : int
        The message of COMMITS up to which the part holds everything.
    """

    form: int = FIRST
    origin: str
    key: str
    position: int = 0


def refusing_damage(opening: Callable[_Opening, None]) -> Callable[_Opening, None]:
    """Decorate the `__init__` of what keeps a `part`: damage found at its first reads is refused in words.

    The part is closed then.
    """

    @wraps(opening)
    def opened(*args: _Opening.args, **named: _Opening.kwargs) -> None:
        try:
            opening(*args, **named)
        except (lmdb.Error, struct.error, UnicodeDecodeError) as error:
            part: LmdbPart | None = getattr(args[0], "part", None)
            if part is None:
                raise
            part.close()
            raise _damaged(part.name, error) from error

    return opened


class StampedPart(Protocol):
    """A part that can be asked for its stamp and given one."""

    name: str
    form: int
    """The form in which this version writes it, and the latest that it reads."""
    is_fresh: bool
    """Whether it held nothing when it was opened."""

    def stamp(self) -> Stamp | None:
        """Return the stamp, or None where there is none."""

    def put_stamp(self, stamp: Stamp) -> None:
        """Write a stamp durably, with this version's form."""


def private_folder(path: Path) -> None:
    """Make a folder for its owner alone, whatever the umask; one that others may enter is closed to them.

    Raises
    ------
    ConfigurationError
        If it cannot be made or written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
            log.warning("`%s` was open to others of this machine, and is closed now", path.name)
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be used: {(error.strerror or 'error').lower()}") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"`{path}` cannot be written to: give it to the gateway's user, on a writable disk"
        )


class FolderPart:
    """A part that is a folder of files, with its stamp in a file of its own.

    Raises
    ------
    ConfigurationError
        If the folder cannot be used, or is of a later form.
    """

    def __init__(self, folder: Path, *, form: int = FIRST) -> None:
        private_folder(folder)
        self.folder = folder
        self.name = folder.name
        self.form = form
        self.stamp()
        self.is_fresh = not any(folder.iterdir())

    def stamp(self) -> Stamp | None:
        """Return the stamp, or None where there is none."""
        try:
            data = (self.folder / STAMP_FILE).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"`{self.name}/{STAMP_FILE}` cannot be read") from error
        return _stamp_of(self, data)

    def put_stamp(self, stamp: Stamp) -> None:
        """Write a stamp durably, with this version's form."""
        # A crash in here leaves the former stamp, and perhaps a file aside.
        write_durably(
            self.folder / STAMP_FILE, _encoded(self, stamp), aside=self.folder / f".{STAMP_FILE}.new"
        )


class LmdbPart:
    """A part that is an LMDB environment, with its stamp in the main database.

    Parameters
    ----------
    map_size : int
        Address space, not disk.
    max_dbs : int
        The named databases.
    form : int
        In which this version writes it, and the latest that it reads.

    Raises
    ------
    ConfigurationError
        If the folder cannot be used, or what lies in it is no environment, or is cut, or is of a later form.
    """

    def __init__(
        self, folder: Path, *, map_size: int, max_dbs: int, readahead: bool = True, form: int = FIRST
    ) -> None:
        private_folder(folder)
        self.folder = folder
        self.name = folder.name
        self.form = form
        try:
            self.environment = lmdb.open(
                str(folder), map_size=map_size, max_dbs=max_dbs, mode=0o600, readahead=readahead
            )
        except (lmdb.Error, OSError) as error:
            raise ConfigurationError(
                f"`{self.name}/` cannot be opened ({_why(error)}): {_RESTORE}"
            ) from error
        for name in ("data.mdb", "lock.mdb"):
            if (folder / name).stat().st_mode & 0o077:
                (folder / name).chmod(0o600)
        try:
            self.stamp()
            self.is_fresh = self._holds_nothing()
        except ConfigurationError:
            self.close()
            raise
        except lmdb.Error as error:  # of any kind: a damaged page can bring about each
            self.close()
            raise _damaged(self.name, error) from error

    def close(self) -> None:
        """Close the environment."""
        self.environment.close()

    def _holds_nothing(self) -> bool:
        # A start that was refused leaves databases without a key.
        with self.environment.begin() as transaction:
            names = [name for name, _ in transaction.cursor()]
            if _STAMP_KEY in names:
                return False
            databases = [self.environment.open_db(name, txn=transaction, create=False) for name in names]
            return not any(transaction.stat(database)["entries"] for database in databases)

    def stamp(self) -> Stamp | None:
        """Return the stamp, or None where there is none."""
        with self.environment.begin() as transaction:
            data = transaction.get(_STAMP_KEY)
        return None if data is None else _stamp_of(self, data)

    def put_stamp(self, stamp: Stamp) -> None:
        """Write a stamp durably, with this version's form."""
        # A crash in here leaves the former stamp.
        try:
            with self.environment.begin(write=True) as transaction:
                transaction.put(_STAMP_KEY, _encoded(self, stamp))
        except lmdb.Error as error:  # the list of free pages is read by whoever writes alone
            raise _damaged(self.name, error) from error


def bind(
    part: StampedPart,
    stamp: Stamp,
    *,
    stream: str,
    first: int,
    last: int,
    adopting: bool,
) -> None:
    """Demand that a part is this deployment's, and that its stream still holds all that it lacks.

    Parameters
    ----------
    stamp : Stamp
        What this deployment writes, with the position that the part itself knows, or 0.
    first, last : int
        The first message that the stream still holds, and its last.
    adopting : bool
        Whether a part without a stamp is taken as it is: at an upgrade of what version 0.3 left.

    Raises
    ------
    ConfigurationError
        Naming the part, what is wrong with it, and what to do.
    """
    found = demand_own(part, stamp)
    if found is None and not adopting and not part.is_fresh:
        raise ConfigurationError(f"`{part.name}/` does not say whose it is: {_RESTORE}")
    position = max(stamp.position, 0 if found is None else found.position)
    if found is None and adopting and not stamp.position:
        position = max(first - 1, 0)
    if position > last:
        raise ConfigurationError(
            f"`{part.name}/` has come to {position} of {stream}, which ends at {last}: an older `nats` stands beside "
            "it; restore all of the directory as it was at one time"
        )
    if position < first - 1:
        raise ConfigurationError(
            f"`{part.name}/` has come to {position} of {stream}, which begins at {first}: it is older than the "
            f"rest, or was emptied; {_RESTORE}"
        )
    if found is None and not adopting and last:
        log.warning("`%s/` was missing: it is made anew from %s", part.name, stream)
    if found is None or (found.position, found.form) != (position, part.form):
        part.put_stamp(msgspec.structs.replace(stamp, position=position))


def demand_own(part: StampedPart, stamp: Stamp) -> Stamp | None:
    """Return a part's stamp, or None where it has none.

    Raises
    ------
    ConfigurationError
        If it is of another deployment, or of other keys.
    """
    found = part.stamp()
    if found is not None and (found.origin, found.key) != (stamp.origin, stamp.key):
        raise ConfigurationError(
            f"`{part.name}/` is of another deployment (`{found.origin}`) or of other keys: {_RESTORE}"
        )
    return found


_RESTORE = "restore it as it was together with the rest of the directory"


def demand_whole(folders: Iterable[Path]) -> None:
    """Refuse LMDB environments that are cut or damaged, before this process maps them.

    A page that is not there ends the process that looks at it (SIGBUS), and a damaged one may too: another process
    looks first, for at most a second each where there are four. About 0.1 s.

    Raises
    ------
    ConfigurationError
        Naming the first part that is not whole.
    """
    paths = [str(folder) for folder in folders if (folder / "data.mdb").exists()]
    if not paths:
        return
    walk = Path(__file__).with_name("walk.py")
    with subprocess.Popen(  # noqa: S603 - our own file, by this interpreter
        [sys.executable, "-I", str(walk), str(_WALK_S), *paths],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        # Not by a timeout of `communicate`: it sleeps by a call that fails where the machine's clock is faked.
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(_WALK_PATIENCE_S, give_up)
        timer.start()
        try:
            said_all, _ = child.communicate()
        finally:
            timer.cancel()
    if late.is_set():
        log.warning("the parts of the directory were not looked through in %d s", _WALK_PATIENCE_S)
        return
    walked = said_all.splitlines()
    if child.returncode == 0 and walked == [f"whole {path}" for path in paths]:
        return
    broken = Path(paths[min(len([line for line in walked if line.startswith("whole ")]), len(paths) - 1)])
    said = [line.removeprefix("broken ") for line in walked if line.startswith("broken ")]
    why = said[0] if said else "it is cut, or a page of it is damaged"
    raise ConfigurationError(f"`{broken.name}/data.mdb` is not whole ({why}): {_RESTORE}")


def _encoded(part: StampedPart, stamp: Stamp) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(stamp, form=part.form))


def _stamp_of(part: StampedPart, data: bytes) -> Stamp:
    try:
        stamp = msgspec.json.decode(data, type=Stamp)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the stamp of `{part.name}/` cannot be read: {_RESTORE}") from error
    if stamp.form > part.form:
        raise ConfigurationError(newer_form(f"`{part.name}/`", stamp.form, part.form))
    return stamp


def _damaged(name: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"`{name}/data.mdb` is not whole ({_why(error)}): {_RESTORE}")


def _why(error: Exception) -> str:
    return " ".join(str(error).rpartition(":")[2].split()).lower() or type(error).__name__
