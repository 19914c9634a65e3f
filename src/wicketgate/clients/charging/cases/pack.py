"""The evidence pack of a case: everything that it rests on, in one archive that anybody can check offline. Pure.

The archive is that of every evidence pack (`clients/evidence/archive.py`): its bytes follow from its members. Each row
stands with its way to the root that the gateway's promise names. docs/spec/cases.md, section 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import canonical
from wicketgate.clients.charging.cases.casebook import CaseFile
from wicketgate.clients.charging.proofs import ChargeProof
from wicketgate.clients.evidence.archive import read_archive, write_archive
from wicketgate.ledger.merkle import leaf_hash, verify_inclusion
from wicketgate.regime.documents.scheme_terms import Scheme

SUMS: Final = "sha256sums.txt"
GUIDE: Final = "how-to-check.txt"
_ENDINGS: Final = {"image/jpeg": "jpg", "image/png": "png"}
_WORDS: Final = """How to check this pack

1. `sha256sum --check sha256sums.txt` says whether a member was changed.
2. Each file of `rows/` has a row of the feed, as it was delivered, the header of its batch and its way to the batch's
   root: the leaf is SHA-256 of a zero byte and the row, each node SHA-256 of a one byte and both parts (RFC 6962). The
   root is in the header, and the gateway promised in it that the log has it; `wicketgate verify` checks that.
3. Each image of `images/` has the SHA-256 that a row names for it.
4. `scheme.json` is the scheme as it was signed: what was owed, and until when, follows from it.
5. `case.json` has what was done, by whom and when, and who looked at the images before the penalty was issued.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Who looked at the images of a case: each with what they typed, and who decided."""

    typed: Sequence[tuple[str, str, int]]
    decided_by: str


def pack_of(
    scheme: Scheme,
    case: CaseFile,
    rows: Sequence[ChargeProof],
    images: Sequence[tuple[str, bytes]],
    looked: Looked | None,
    letter: str,
) -> bytes:
    """Return the archive of a case.

    Parameters
    ----------
    images : sequence of (str, bytes)
        Media type and bytes.
    letter : str
        The letter, as a page.

    Raises
    ------
    InputError
        If it would be too large.
    """
    members: dict[str, bytes] = {
        "case.json": canonical(_case(case, looked)),
        "scheme.json": canonical(dict(scheme.document)),
        "letter.html": letter.encode(),
        GUIDE: _WORDS.encode(),
    }
    for number, row in enumerate(rows):
        said = {"header": dict(row.header), "row": row.row, "index": row.index, "path": row.path}
        members[f"rows/row-{number}.json"] = canonical(said)
    for number, (media_type, data) in enumerate(images):
        members[f"images/image-{number}.{_ENDINGS[media_type]}"] = data
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(members.items())]
    return write_archive({**members, SUMS: "".join(sums).encode()})


def check_case_pack(data: bytes) -> list[str]:
    """Return what of a pack is not as it says, in words; nothing where all of it is.

    That the log has the roots is not checked here: it needs the log.

    Raises
    ------
    InputError
        If it is no archive.
    """
    archive = read_archive(data)
    faults = list(archive.faults)
    members = archive.members
    listed = _sums(members.get(SUMS, b""))
    for name, content in members.items():
        if name != SUMS and listed.get(name) != hashlib.sha256(content).hexdigest():
            faults.append(f"`{name}` is not what was packed")
    faults += [f"`{name}` is missing" for name in listed if name not in members]
    named: set[str] = set()
    for name in sorted(one for one in members if one.startswith("rows/")):
        fault, digests = _check_row(members[name])
        named |= digests
        if fault:
            faults.append(f"`{name}` {fault}")
    for name in sorted(one for one in members if one.startswith("images/")):
        if hashlib.sha256(members[name]).hexdigest() not in named:
            faults.append(f"`{name}` is named by no row")
    return faults


def _check_row(content: bytes) -> tuple[str, set[str]]:
    try:
        said = msgspec.json.decode(content)
        row, path = str(said["row"]).encode(), [bytes.fromhex(one) for one in said["path"]]
        root, size = bytes.fromhex(said["header"]["root"]), int(said["header"]["rows"])
        read = msgspec.json.decode(row).get("read") or {}
        whole = verify_inclusion(leaf_hash(row), int(said["index"]), size, path, root)
        images = [read.get(one) or {} for one in ("overview_image", "patch_image")]
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError):
        return "cannot be read", set()
    digests = {str(one.get("sha256")) for one in images if isinstance(one, dict)}
    return "" if whole else "does not lead to its batch's root", digests


def _sums(data: bytes) -> dict[str, str]:
    pairs = (line.partition("  ") for line in data.decode("ascii", "replace").splitlines())
    return {name: digest for digest, _, name in pairs}


def _case(case: CaseFile, looked: Looked | None) -> Mapping[str, Any]:
    return {
        "number": case.number,
        "plate": case.plate,
        "day": case.day.isoformat(),
        "scheme": case.scheme,
        "charges": list(case.charges),
        "charge": case.part,
        "link": None if case.keeper is None else case.keeper.link,
        "acts": [
            {
                "kind": one.kind,
                "at": rfc3339(one.at_us),
                "by": one.by,
                "amount": one.amount,
                "ground": one.ground,
                "about": one.about,
            }
            for one in case.acts
        ],
        "looked": None
        if looked is None
        else {
            "typed": [{"by": by, "text": text, "at": rfc3339(at_us)} for by, text, at_us in looked.typed],
            "decided_by": looked.decided_by,
        },
    }
