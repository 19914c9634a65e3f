"""Proofs that anybody can check without the log, as C2SP tlog-proof writes them. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from wicketgate.ledger.notes import MAX_NOTE_BYTES, NoteVerifier
from wicketgate.ledger.policies import CosignedCheckpoint, WitnessPolicy, demand_policy, open_cosigned

HEADER: Final = "c2sp.org/tlog-proof@v1"
MOST_PROOF_BYTES: Final = MAX_NOTE_BYTES + 16 * 1024
_MOST_HASHES: Final = 63
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_EXTRA: Final = "extra "


@dataclass(frozen=True, slots=True, kw_only=True)
class TlogProof:
    """A proof that an entry stands in a log. Nothing of it is verified.

    Attributes
    ----------
    path : tuple of bytes
        From the leaf's sibling to the root's child.
    checkpoint : bytes
        As the log signed it, and witnesses cosigned it.
    extra : bytes
        Whatever a program wants to say besides; it is not authenticated.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def dump(self) -> bytes:
        """Return the proof as it is sent."""
        lines = [HEADER]
        if self.extra:
            lines.append(f"{_EXTRA}{base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(one).decode() for one in self.path]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Return the proof in a text.

    Raises
    ------
    InputError
        If it is none.
    """
    if len(data) > MOST_PROOF_BYTES:
        raise InputError(f"a proof of more than {MOST_PROOF_BYTES} bytes")
    head, blank, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise InputError("a proof that is not of letters and digits") from error
    if not blank or lines[0] != HEADER:
        raise InputError(f"a proof begins with `{HEADER}`, and a checkpoint follows on an empty line")
    rest = lines[1:]
    extra = b""
    if rest and rest[0].startswith(_EXTRA):
        extra = _base64(rest.pop(0).removeprefix(_EXTRA))
        if not extra:
            raise InputError("a proof with an empty `extra`")
    found = _INDEX.fullmatch(rest[0]) if rest else None
    if found is None:
        raise InputError("a proof without the index of its entry")
    if len(rest) - 1 > _MOST_HASHES:
        raise InputError(f"a proof has at most {_MOST_HASHES} hashes")
    path = tuple(_base64(line) for line in rest[1:])
    if any(len(one) != HASH_BYTES for one in path):
        raise InputError("a line of the proof is no hash")
    return TlogProof(index=int(found[1]), path=path, checkpoint=note, extra=extra)


def verify_tlog_proof(
    proof: TlogProof, entry: bytes, log: NoteVerifier, policy: WitnessPolicy
) -> CosignedCheckpoint:
    """Return the checkpoint under which a proof shows an entry, cosigned as a policy demands.

    Raises
    ------
    InputError, VerificationError
        If it does not.
    """
    cosigned = open_cosigned(proof.checkpoint, log, policy)
    demand_policy(cosigned, log, policy)
    head = cosigned.checkpoint
    if not verify_inclusion(leaf_hash(entry), proof.index, head.size, proof.path, head.root):
        raise VerificationError(f"the proof does not show this entry at {proof.index}")
    return cosigned


def make_tlog_proof(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """Return the proof of an entry under a checkpoint, as it is sent."""
    return TlogProof(index=index, path=tuple(path), checkpoint=checkpoint).dump()


def _base64(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("a line of the proof is not base64") from error
    if base64.b64encode(value).decode() != line:
        raise InputError("a line of the proof is not canonical base64")
    return value
