"""What a witness answers: the table of C2SP tlog-witness, and what it keeps."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import ORIGIN, OTHER_SIGNER, SIGNER
from tests.witnessing import GrownLog, submission
from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.clients.witness.desk import WitnessDesk
from wicketgate.clients.witness.judging import (
    MOST_BYTES,
    NotCosigned,
    judge,
    nothing,
    origin_of,
    parse_submission,
)
from wicketgate.clients.witness.place import MOST_EVIDENCE, WitnessPlace
from wicketgate.ledger.notes import Checkpoint, open_note, parse_checkpoint, unverified_checkpoint

NAME = "witness.example/w1"
LOG = GrownLog(600)
FORK = GrownLog(600, forks_at=420)


class At:
    """A witness in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = WitnessPlace(folder, NAME)
        self.place.add([SIGNER.verifier])
        self.said: list[str] = []
        self.desk = WitnessDesk(self.place, SystemClock(), self.said.append)

    def add(self, body: bytes) -> PageAnswer:
        return self.desk.answer(Request(method="POST", path="/add-checkpoint", headers={}, body=body))

    def get(self, path: str) -> PageAnswer:
        return self.desk.answer(Request(method="GET", path=path, headers={}))

    def last(self) -> PageAnswer:
        return self.get(f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint")


@pytest.fixture
def at(tmp_path: Path) -> At:
    """A new one."""
    return At(tmp_path / "w")


def test_each_checkpoint_that_goes_on_is_cosigned_in_both_forms(at: At) -> None:
    old = 0
    for size in (0, 1, 2, 256, 257, 461, 461, 600):
        answer = at.add(LOG.submission(old, size))
        assert answer.status == 200, answer.body
        note = LOG.checkpoint(size) + answer.body
        opened = open_note(note, [SIGNER.verifier, *at.place.cosigners])
        assert len(opened.signatures) == 3
        assert at.last().body == opened.dump()
        old = size
    assert at.get("/").body.decode().split() == [one.vkey for one in at.place.cosigners]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(LOG.submission(0, 461).replace(b"old 0", b"old 00"), 400, id="leading-zero"),
        pytest.param(LOG.submission(0, 461).replace(b"old 0", b"old -1"), 400, id="negative"),
        pytest.param(LOG.submission(0, 461).replace(b"old 0\n", b"old 0\r\n"), 400, id="carriage-return"),
        pytest.param(submission("0", [bytes(32)] * 64, LOG.checkpoint(461)), 400, id="64-lines"),
        pytest.param(submission("0", [bytes(31)], LOG.checkpoint(461)), 400, id="short-hash"),
        pytest.param(b"old 0\n!\n\n" + LOG.checkpoint(461), 400, id="no-base64"),
        pytest.param(b"old 0\n\nno note\n", 400, id="no-note"),
        pytest.param(b"old 0\n\n" + b"x" * MOST_BYTES, 400, id="too-long"),
        pytest.param(submission("500", [], LOG.checkpoint(461)), 400, id="old-above-size"),
        pytest.param(submission("0", [], LOG.checkpoint(461, origin="other.example")), 404, id="unknown"),
        pytest.param(GrownLog(9, signer=OTHER_SIGNER).submission(0, 9), 403, id="another-key"),
        pytest.param(LOG.submission(0, 461).replace(b"\n461\n", b"\n462\n"), 403, id="changed"),
        pytest.param(submission("0", [bytes(32)], LOG.checkpoint(461)), 422, id="proof-from-nothing"),
    ],
)
def test_what_a_new_log_may_not_send(at: At, body: bytes, status: int) -> None:
    answer = at.add(body)
    assert answer.status == status, answer.body
    assert at.last().status == 404


def test_an_old_size_is_told_the_last_one(at: At) -> None:
    assert at.add(LOG.submission(0, 461)).status == 200
    for old, size in ((0, 461), (0, 600), (400, 600), (462, 600)):
        answer = at.add(LOG.submission(old, size))
        assert (answer.status, answer.media_type, answer.body) == (409, "text/x.tlog.size", b"461\n")
    assert at.add(LOG.submission(461, 600)).status == 200


def test_a_fork_is_refused_and_kept(at: At) -> None:
    assert at.add(LOG.submission(0, 461)).status == 200
    before = at.last().body
    # Of the same size, whatever old size is said: two trees are signed, which nobody can deny.
    for old in (461, 0):
        assert at.add(submission(str(old), [], FORK.checkpoint(461))).status == 422
    assert at.add(submission("461", FORK.proof(461, 528), FORK.checkpoint(528))).status == 422
    assert at.last().body == before
    (folder,) = (at.folder / "evidence").iterdir()
    kept = {path.name.partition("-")[0]: path.read_bytes() for path in folder.iterdir()}
    assert kept == {"split": FORK.checkpoint(461), "unproved": FORK.checkpoint(528)}
    assert len(at.said) == 1
    assert "two trees of one size" in at.said[0]
    assert at.add(LOG.submission(461, 600)).status == 200


def test_evidence_that_anybody_can_send_takes_no_room(at: At) -> None:
    assert at.add(LOG.submission(0, 100)).status == 200
    for size in range(101, 101 + MOST_EVIDENCE + 20):
        assert at.add(submission("100", [bytes(32)], LOG.checkpoint(size))).status == 422
    (folder,) = (at.folder / "evidence").iterdir()
    assert [path.name for path in folder.iterdir()] == ["unproved"]
    assert at.said == []


def test_what_was_cosigned_holds_over_a_start_and_a_lost_key_is_missed(at: At) -> None:
    assert at.add(LOG.submission(0, 461)).status == 200
    with pytest.raises(ConfigurationError, match="another process"):
        WitnessPlace(at.folder)
    at.place.close()
    with pytest.raises(ConfigurationError, match="another name"):
        WitnessPlace(at.folder, "other.example")
    again = At(at.folder)
    assert again.add(submission("461", [], FORK.checkpoint(461))).status == 422
    assert again.add(LOG.submission(461, 600)).status == 200
    again.place.close()
    (at.folder / "ed25519.pem").unlink()
    with pytest.raises(ConfigurationError, match="restore it"):
        WitnessPlace(at.folder)


def test_secrets_are_their_owners(at: At) -> None:
    at.add(LOG.submission(0, 461))
    for path in at.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\n", None])
def test_a_name_that_no_note_can_hold_is_refused(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(ConfigurationError):
        WitnessPlace(tmp_path / "w", name)


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)), max_size=30
    )
)
def test_what_is_cosigned_is_one_chain_whatever_is_sent(sent: list[tuple[bool, int, int, int]]) -> None:
    """Each is a beginning of the next: two branches never both have a cosignature behind their fork."""
    branches = (GrownLog(40), GrownLog(40, forks_at=12))
    before, cosigned, statuses = nothing(ORIGIN), list[Checkpoint](), set[int]()
    for fork, said, old, size in sent:
        branch = branches[fork]
        proof = branch.proof(min(old, size), size)
        body = submission(str(said), proof, branch.checkpoint(size))
        try:
            one = parse_submission(body)
            assert origin_of(one) == ORIGIN
            before = parse_checkpoint(judge(one, [SIGNER.verifier], before).text)
        except NotCosigned as error:
            statuses.add(error.status)
        else:
            cosigned.append(before)
    assert statuses <= {400, 409, 422}
    sizes = [one.size for one in cosigned]
    assert sizes == sorted(sizes)
    for branch in branches:
        if all(unverified_checkpoint(branch.checkpoint(one.size)) == one for one in cosigned):
            break
    else:
        pytest.fail("both branches were cosigned")


@pytest.mark.parametrize(("name", "good"), [("w" * 255, True), ("w" * 256, False), ("é" * 128, False)])
def test_a_name_that_one_form_cannot_hold_is_refused_at_the_start(
    tmp_path: Path, name: str, good: bool
) -> None:
    if good:
        WitnessPlace(tmp_path / "w", name).close()
        return
    with pytest.raises(ConfigurationError, match="255 bytes"):
        WitnessPlace(tmp_path / "w", name)
    assert not (tmp_path / "w" / "name").exists()
