"""The operator signs another log with the log's own key: what each rewrite is, and who sees it.

Each is run for real: the whole log is built anew, with every hash and checkpoint right, by the key that signs it. What
`wicketgate verify D` alone sees is said of each; whoever kept a checkpoint (`--seen`), and whoever trusts two witnesses
(`--policy`), sees all of them. docs/threat-model.md names what nobody sees.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.made_gateway import VKEY, standard
from tests.simulator import LOG_KEY, ORIGIN
from wicketgate.base.clock import SystemClock
from wicketgate.base.signing import canonical
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.verify import verify_folder
from wicketgate.clients.verify.kept import SeenCheckpoint, read_seen
from wicketgate.clients.witness.desk import WitnessDesk
from wicketgate.clients.witness.place import WitnessPlace
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.notes import parse_note, parse_vkey
from wicketgate.ledger.policies import WitnessPolicy, make_policy, open_cosigned, parse_policy
from wicketgate.ledger.submissions import submission_body, with_lines
from wicketgate.ledger.writer import Ledger

VERIFIER = parse_vkey(VKEY)
Entries = list[bytes]


def kind_of(entry: bytes) -> str:
    return str(json.loads(entry)["kind"])


def changed(entries: Entries, kind: str, number: int, **members: object) -> Entries:
    """Return the entries with members of one of a kind replaced."""
    index = [n for n, entry in enumerate(entries) if kind_of(entry) == kind][number]
    return [*entries[:index], canonical({**json.loads(entries[index]), **members}), *entries[index + 1 :]]


def without(entries: Entries, kind: str, number: int) -> Entries:
    index = [n for n, entry in enumerate(entries) if kind_of(entry) == kind][number]
    return entries[:index] + entries[index + 1 :]


def lived_again(entries: Entries) -> Entries:
    """Return a log that goes on from an old copy of the directory, and holds other facts."""
    for back in range(1, 5):
        entries = changed(entries, "second", -back, root=f"{back:064x}")
    return entries


FRAUDS: dict[str, tuple[Callable[[Entries], Entries], bool]] = {
    "the log is cut": (lambda entries: entries[:-8], False),
    "an old copy goes on otherwise": (lived_again, False),
    "a second's facts are replaced": (lambda e: changed(e, "second", 7, root="ab" * 32), False),
    "the first second's facts are replaced": (lambda e: changed(e, "second", 0, root="cd" * 32), False),
    "a start says other software": (lambda e: changed(e, "operation", -1, software="wicketgate 9"), False),
    "the settings of a start are others": (lambda e: changed(e, "operation", -1, settings="0" * 64), False),
    "a list of cameras is another": (lambda e: changed(e, "cameras", 0, root="ef" * 32), False),
    "a second is left out": (lambda e: without(e, "second", 9), True),
    "a second stands twice": (lambda e: [*e[:-1], e[-1], e[-1]], True),
    "a start is left out": (lambda e: without(e, "operation", -1), True),
    "a document is left out": (lambda e: without(e, "document", 1), True),
    "how something stood is left out": (lambda e: without(e, "standing", 0), True),
    "a document is back-dated": (lambda e: changed(e, "document", 1, at="2026-07-08T12:00:00Z"), True),
}
"""What is done, and whether `verify` alone sees it."""


@dataclass
class Honest:
    """The log as it was shown first, who cosigned it, and where it lies."""

    entries: Entries
    note: bytes
    policy: WitnessPolicy
    desks: list[WitnessDesk]
    seen: list[SeenCheckpoint]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    """A log that two witnesses cosigned to its end."""
    folder = tmp_path_factory.mktemp("honest")
    world = standard(folder / "log")
    world.close()
    note = (folder / "log" / "checkpoint").read_bytes()
    desks, named = [], []
    for name in ("a", "b"):
        place = WitnessPlace(folder / name, f"{name}.example")
        place.add([VERIFIER])
        desks.append(WitnessDesk(place, SystemClock(), lambda words: None))
        named.append((name, f"https://{name}.example", [one.vkey for one in place.cosigners]))
    cosigned = note
    for desk in desks:
        answer = submit(desk, 0, note)
        assert answer[0] == 200
        text = parse_note(note).text.encode()
        cosigned = with_lines(cosigned, parse_note(text + b"\n" + answer[1]).signatures)
    kept = folder / "kept"
    kept.write_bytes(note)
    policy = parse_policy(make_policy(VKEY, named, 2))
    assert policy.holds(open_cosigned(cosigned, VERIFIER, policy).at_s)
    return Honest(list(world.entries), cosigned, policy, desks, list(read_seen([kept])))


def submit(desk: WitnessDesk, old: int, note: bytes) -> tuple[int, bytes]:
    body = submission_body(old, [], note)
    answer = desk.answer(Request(method="POST", path="/add-checkpoint", headers={}, body=body))
    return answer.status, answer.body


def signed(entries: Entries, folder: Path) -> Path:
    """Build a log of entries with the log's own key."""
    with Ledger.create(folder, note_signer(LOG_KEY, ORIGIN), ORIGIN) as ledger:
        ledger.append(entries)
    return folder


def test_the_honest_log_is_good_by_every_measure(honest: Honest, tmp_path: Path) -> None:
    same = signed(honest.entries, tmp_path / "log")
    assert verify_folder(same, seen=honest.seen, key=VERIFIER).ok
    (same / "checkpoint").write_bytes(honest.note)
    report = verify_folder(same, seen=honest.seen, key=VERIFIER, policy=honest.policy)
    assert report.ok, report.lines()


@pytest.mark.parametrize("fraud", FRAUDS)
def test_each_rewrite_is_seen_by_whoever_kept_a_checkpoint_and_by_witnesses(
    honest: Honest, tmp_path: Path, fraud: str
) -> None:
    rewrite, is_seen_alone = FRAUDS[fraud]
    entries = rewrite(honest.entries)
    assert entries != honest.entries
    other = signed(entries, tmp_path / "log")
    note = (other / "checkpoint").read_bytes()
    assert verify_folder(other, key=VERIFIER).ok is not is_seen_alone
    # Whoever kept a checkpoint: `verify --seen F`.
    assert not verify_folder(other, seen=honest.seen, key=VERIFIER).ok
    # Whoever trusts the witnesses: `verify --policy F`. It may be shown with the honest log's cosignatures.
    for shown in (note, with_lines(note, parse_note(honest.note).signatures[1:])):
        (other / "checkpoint").write_bytes(shown)
        report = verify_folder(other, key=VERIFIER, policy=honest.policy, whole=True)
        assert not report.ok, report.lines()
    # The witnesses themselves: none cosigns it, from nothing or from where it is.
    for desk in honest.desks:
        for old in (0, len(honest.entries)):
            assert submit(desk, old, note)[0] in (400, 409, 422)
