"""The vocabulary of facts, one function a kind (docs/spec/ledger.md).

A fact is committed to by the ledger unseen.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.commits.handovers import HandedOver
from wicketgate.commits.people import CommitmentOpened
from wicketgate.commits.state import State
from wicketgate.commits.transactions import (
    AlertRulesSet,
    AlertTold,
    CameraSet,
    HitLooked,
    HitRaised,
    HotlistChanged,
    ImagesFetched,
    IntakeCounts,
    Outcome,
    Refused,
    ResponseGiven,
    Transaction,
)
from wicketgate.history.messages import HistoryGap
from wicketgate.ledger.facts import SALT_BYTES, fact
from wicketgate.regime.obligations.values import CustodyCheckpoint, Disclosure, Receipt

if TYPE_CHECKING:  # a reader loads no writer
    from wicketgate.commits.writer import Commits


class FactFiling:
    """The filing of facts alone, over the commits of one gateway.

    The facts are of what happened. Filing one changes nothing, but that a hit knows who looked at its image, and that
    images fetched are counted.
    """

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def record(
        self,
        make: Callable[[int], bytes],
        looked: Sequence[HitLooked] = (),
        fetched: ImagesFetched | None = None,
    ) -> None:
        """Commit the fact made by `make` for the sequence of its commit.

        Parameters
        ----------
        looked : sequence of HitLooked
            The hits whose image was looked at.
        fetched : ImagesFetched, optional
            The images that the fact says were fetched.
        """

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            return Transaction(at_us=at_us, facts=(make(sequence),), looked=tuple(looked), fetched=fetched)

        await self._commits.commit(build)


# --- reads and hits -----------------------------------------------------------------------------------------------


def decision_fact(
    sequence: int,
    rows: int,
    withheld: int,
    refused: Sequence[Refused],
    intake: IntakeCounts | None,
    images: Mapping[str, int] | None = None,
) -> bytes:
    """Return the fact of a decision.

    It tells how many reads there were, refused to whom and why, and what ingest made of them. `images` is how many the
    rows of each authority name, by its reference.
    """
    quarantined: Counter[str] = Counter()
    for codes in (intake.quarantined if intake else {}).values():
        quarantined.update(codes)
    return salted(
        "decision",
        {
            "commit": sequence,
            "reads": rows,
            "withheld": withheld,
            "refused": [{"authority": r.authority, "reason": r.reason, "rows": r.rows} for r in refused],
            "accepted": sum(intake.accepted.values()) if intake else 0,
            "repeated": sum(intake.repeated.values()) if intake else 0,
            "quarantined": dict(sorted(quarantined.items())),
            **({"images": dict(images)} if images else {}),
        },
    )


def hit_fact(hit: HitRaised, sequence: int) -> bytes:
    """Return the fact of a hit.

    It tells which row hit, for which entry and how sure. The plate stands in the row alone.
    """
    return salted(
        "hit",
        {
            "commit": sequence,
            "authority": f"{hit.authority}@{hit.version}",
            "hit": hit.id,
            "seq": hit.seq,
            "voi": hit.voi,
            "quality": hit.quality,
            "late": hit.late,
            "clone": bool(hit.clone),
        },
    )


def outcome_fact(outcome: Outcome, sequence: int) -> bytes:
    """Return the fact of a hit's outcome."""
    return salted(
        "outcome",
        {
            "commit": sequence,
            "hit": outcome.hit,
            "outcome": outcome.outcome,
            "reason": outcome.reason,
            "by": outcome.by,
            **({"token": outcome.token} if outcome.token else {}),
        },
    )


def hotlist_fact(
    change: HotlistChanged, sequence: int, *, added: int, changed: int, removed: int, by: str
) -> bytes:
    """Return the fact of a hotlist's next revision.

    It holds who made it, the counts of entries and the hash of the change.
    """
    return salted(
        "hotlist",
        {
            "commit": sequence,
            "authority": change.authority,
            "revision": change.revision,
            "entries": change.entries,
            "added": added,
            "changed": changed,
            "removed": removed,
            "sha256": change.blob,
            "by": by,
        },
    )


def handover_fact(given: HandedOver, sequence: int) -> bytes:
    """Return the fact of a hand-over between a unit's shifts."""
    return salted(
        "handover",
        {
            "commit": sequence,
            "unit": given.unit,
            "by": given.by,
            "text": given.text,
            "open": list(given.open),
        },
    )


def submitted_fact(sequence: int, entry: int, by: str) -> bytes:
    """Return the fact of who handed in the signed document of an entry: its signatures do not say it."""
    return salted("submitted", {"commit": sequence, "entry": entry, "by": by})


# --- looks --------------------------------------------------------------------------------------------------------


def image_fact(sequence: int, *, authority: str, sha256: str, unit: str, by: str) -> bytes:
    """Return the fact of an image's fetch by a unit or its officer."""
    return salted(
        "image-read",
        {"commit": sequence, "authority": authority, "sha256": sha256, "unit": unit, "by": by},
    )


def images_fact(sequence: int, *, authority: str, images: Sequence[str], unit: str, by: str) -> bytes:
    """Return the fact of a fetch of several images at once, each by its SHA-256."""
    return salted(
        "images-read",
        {"commit": sequence, "authority": authority, "images": list(images), "unit": unit, "by": by},
    )


def look_fact(sequence: int, *, by: str, what: str, of: str, more: Mapping[str, Any]) -> bytes:
    """Return the fact that somebody saw something private: who, what, of whose."""
    return salted("look", {"commit": sequence, "by": by, "what": what, "of": of, **more})


def why_fact(
    sequence: int,
    *,
    by: str,
    source: str,
    camera: str,
    captured_us: int,
    plate: bool,
    authority: str | None,
    recipient: str | None,
    as_of_us: int | None,
) -> bytes:
    """Return the fact of an overseer's question.

    `plate` is whether a plate was asked about, never which.
    """
    said = {
        "commit": sequence,
        "by": by,
        "source": source,
        "camera": camera,
        "captured_at": rfc3339(captured_us),
        "plate": plate,
        "authority": authority,
        "recipient": recipient,
        "as_of": None if as_of_us is None else rfc3339(as_of_us),
    }
    return salted("why", {name: value for name, value in said.items() if value is not None})


def history_gap_fact(sequence: int, gap: HistoryGap) -> bytes:
    """Return the fact that the history lacks what some transactions took, and when that was captured."""
    said = {
        "commit": sequence,
        "first": gap.first,
        "last": gap.last,
        "from": rfc3339(gap.from_us),
        "until": rfc3339(gap.until_us),
    }
    return salted("history-gap", said if gap.reads is None else {**said, "reads": gap.reads})


# --- sources and credentials --------------------------------------------------------------------------------------


def cameras_fact(source: str, cameras: Sequence[CameraSet]) -> bytes:
    """Return the fact of a source's full list of cameras."""
    return salted("cameras", {"source": source, "cameras": msgspec.to_builtins(cameras)})


def token_fact(name: str, sha256: str, sequence: int) -> bytes:
    """Return the fact of a token's issue under a name.

    Only the token's hash is told.
    """
    return salted("token", {"name": name, "sha256": sha256, "commit": sequence})


def token_withdrawn_fact(name: str, sequence: int) -> bytes:
    """Return the fact of the withdrawal of a name's tokens."""
    return salted("token-withdrawn", {"name": name, "commit": sequence})


# --- people -------------------------------------------------------------------------------------------------------


def people_opened_fact(sequence: int, organisation: str, openings: int, by: str) -> bytes:
    """Return the fact that openings of an organisation's people were handed in: how many, never which."""
    return salted(
        "people-opened", {"commit": sequence, "organisation": organisation, "openings": openings, "by": by}
    )


def passkey_fact(sequence: int, person: str, became: str, by: str) -> bytes:
    """Return the fact that a passkey of a person was enrolled or withdrawn, and by whom."""
    return salted("passkey", {"commit": sequence, "person": person, "became": became, "by": by})


def signed_in_fact(
    sequence: int, person: str, name: str, how: str, people: str, opening: CommitmentOpened | None
) -> bytes:
    """Return the fact that a person signed in, with what proves who the commitment is of.

    Parameters
    ----------
    how : str
        `passkey`, the id of a provider, or `code` in a demonstration.
    people : str
        The document in force, as `organisation@version`.
    opening : CommitmentOpened, optional
        None where a provider's claims alone made them what they are.
    """
    proof = {} if opening is None else {"opening": {"salt": opening.salt.hex(), "value": opening.value}}
    return salted(
        "signed-in",
        {"commit": sequence, "person": person, "name": name, "how": how, "people": people, **proof},
    )


# --- alerts -------------------------------------------------------------------------------------------------------


def alert_rules_fact(sequence: int, given: AlertRulesSet, by: str) -> bytes:
    """Return the fact that a place's rules for alerts were changed: to which, and by whom."""
    rules = msgspec.json.decode(given.rules)
    return salted(
        "alert-rules",
        {"commit": sequence, "who": given.who, "revision": given.revision, "rules": rules, "by": by},
    )


def told_fact(sequence: int, told: AlertTold) -> bytes:
    """Return the fact that people were told, or could not be: by which target, of what kind, of how much."""
    return salted("told", {"commit": sequence, **msgspec.to_builtins(told)})


# --- what recipients and the public say ---------------------------------------------------------------------------


def disclosure_fact(disclosure: Disclosure) -> bytes:
    """Return the fact of a disclosure, made or refused."""
    return salted(
        "disclosure",
        {
            "commit": disclosure.commit,
            "id": disclosure.id,
            "authority": f"{disclosure.authority}@{disclosure.version}",
            "to": disclosure.to,
            "law": disclosure.law,
            "rows": disclosure.rows,
            "made_at": rfc3339(disclosure.made_us),
            "status": disclosure.status,
            "refused": disclosure.refused,
            "case": disclosure.case,
            "reason": disclosure.reason,
        },
    )


def receipt_fact(receipt: Receipt) -> bytes:
    """Return the fact of a recipient's receipt of deletion."""
    return salted(
        "receipt",
        {
            "commit": receipt.commit,
            "authority": receipt.authority,
            "deleted_until": rfc3339(receipt.deleted_us),
            "rows": receipt.rows,
            "method": receipt.method,
            "by": receipt.by,
            **({"token": receipt.token} if receipt.token else {}),
        },
    )


def custody_fact(taken: CustodyCheckpoint) -> bytes:
    """Return the fact of a checkpoint of a recipient's custody."""
    return salted(
        "custody-checkpoint",
        {
            "commit": taken.commit,
            "authority": taken.authority,
            "size": taken.size,
            "root": taken.root,
            "batch": taken.batch,
            "token": taken.token,
        },
    )


def response_fact(response: ResponseGiven, sha256: str) -> bytes:
    """Return the fact of a response with the hash of its text.

    `sha256` is the hash of what the response says.

    Whoever responds is told it: the number of the commit would tell them how much is going on here.
    """
    return salted("response", {"consultation": response.consultation, "id": response.id, "sha256": sha256})


def salted(kind: str, body: Mapping[str, Any]) -> bytes:
    """Return a fact of a kind, with a salt of its own."""
    return fact(kind, body, os.urandom(SALT_BYTES))
