"""Keys that are the same in every run, and what an overseer's key opens."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyrage import decrypt, x25519

from wicketgate.base.hour_keys import HourKeys
from wicketgate.base.signing import PrivateKey
from wicketgate.commits import stored
from wicketgate.commits.snapshots import Snapshots
from wicketgate.commits.transactions import Transaction
from wicketgate.hotlists.hit_store import HitQueue


def seeded(seed: bytes) -> PrivateKey:
    """Return the key of a 32-byte secret seed (RFC 8032, section 5.1.5)."""
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(seed))


def unseal(sealed: bytes, identity: str) -> bytes:
    """Return what was sealed to the overseer of an identity (`AGE-SECRET-KEY-1…`), as any tool for age does."""
    opened: bytes = decrypt(sealed, [x25519.Identity.from_str(identity)])
    return opened


class InTheOpen:
    """Keys that hide nothing: for tests that look at what is stored."""

    def seal(self, kind: str, data: bytes, at_us: int) -> bytes:
        """Return the data."""
        return data

    def open(self, kind: str, sealed: bytes) -> bytes | None:
        """Return the data."""
        return sealed


IN_THE_OPEN = InTheOpen()


def decode(data: bytes) -> Transaction:
    """Return a transaction that was stored in the open."""
    return stored.decode(data, IN_THE_OPEN)[0]


def encode(transaction: Transaction) -> bytes:
    """Return a transaction as it is stored in the open."""
    return stored.encode(transaction, IN_THE_OPEN).data


def hit_queue(folder: Path) -> HitQueue:
    """Return the hits in a folder, with their keys beside it."""
    return HitQueue(folder, HourKeys(folder.with_name(f"{folder.name}-keys")))


def snapshots_in(folder: Path) -> Snapshots:
    """Return the snapshots in a folder, with their keys beside it."""
    return Snapshots(folder, HourKeys(folder.with_name(f"{folder.name}-keys")))
