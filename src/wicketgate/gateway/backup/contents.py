"""The table of what a backup holds of a deployment's directory, and how. Pure.

Whatever stands in the directory and not here is not copied, and the command says so.
"""

from __future__ import annotations

from typing import Final

FILES: Final = ("wicketgate.toml", "form")
"""Copied as they are."""
WHERE_THERE: Final = ("log.key",)
"""Copied where it is there: a deployment that an earlier version made has none."""
ENVIRONMENTS: Final = ("index", "proofs", "hits", "feeds", "alerts")
"""LMDB: copied as of one moment each, by their pages."""
FOLDERS: Final = ("vault", "answers", "images")
"""Copied behind the last transaction: a file of these is durable before the transaction that names it."""
SECRETS: Final = ("content-keys", "quarantine-keys", "answer-keys", "history-keys")
"""Folders of keys that end: they stand in the store of keys alone."""
INDEX_KEY: Final = "keys/index.key"
"""The one secret that does not end and is needed: it stands with the keys."""
LOG, HISTORY, SNAPSHOTS, STREAMS = "log", "history", "snapshots", "nats"
"""Copied by rules of their own (docs/spec/backup.md)."""
LEFT_OUT: Final = frozenset(
    {"keys", "backups", "readers", "roles", "lock", "node", "clock", "restored", "backup.sock"}
)
"""Never copied: the log's key and tokens, what is made anew, and what is of one machine or one start."""
PACKED: Final = frozenset({"images", "log"})
"""What lies there is public, or lies under a key of its own that ends: many files may share one object."""


def known(name: str) -> bool:
    """Return whether a name in the directory stands in the table."""
    return name in {
        *FILES,
        *WHERE_THERE,
        *ENVIRONMENTS,
        *FOLDERS,
        *SECRETS,
        *LEFT_OUT,
        LOG,
        HISTORY,
        SNAPSHOTS,
        STREAMS,
    }
