"""`wicketgate witness` as a process, beside a witness that others wrote: the same answers, and kills between them."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.harness import WICKETGATE
from tests.logs import ORIGIN, OTHER_SIGNER, SIGNER
from tests.running import until
from tests.witnessing import GrownLog, foreign_witness, submission
from wicketgate.ledger.cosignatures import parse_cosigner
from wicketgate.ledger.notes import open_note

LOG, FORK = GrownLog(600), GrownLog(600, forks_at=420)
TABLE = (
    ("our log", LOG.submission(0, 461), (200, 200)),
    ("again from nothing", LOG.submission(0, 461), (409, 409)),
    ("it goes on", LOG.submission(461, 500), (200, 200)),
    ("the same again", LOG.submission(500, 500), (200, 200)),
    ("a fork of this size", submission("500", [], FORK.checkpoint(500)), (422, 422)),
    ("a fork behind it", submission("500", FORK.proof(500, 528), FORK.checkpoint(528)), (422, 422)),
    ("an unknown origin", submission("0", [], LOG.checkpoint(9, origin="other.example")), (404, 404)),
    ("another key", GrownLog(9, signer=OTHER_SIGNER).submission(0, 9), (403, 403)),
    ("a leading zero", submission("0500", LOG.proof(500, 528), LOG.checkpoint(528)), (400, 400)),
    ("64 lines", submission("500", [bytes(32)] * 64, LOG.checkpoint(528)), (400, 400)),
    ("smaller than it says", submission("528", [], LOG.checkpoint(500)), (400, 400)),
    ("it still goes on", LOG.submission(500, 600), (200, 200)),
)
"""What is sent, and what ours and theirs answer (`aics-witness` 0.1.0)."""


class Witness:
    """Ours, as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = folder.with_suffix(".said")
        self.keys = folder.with_suffix(".keys")
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it says where it listens."""
        words = ["witness", str(self.folder), "--name", "witness.example/w1", "--log", SIGNER.vkey]
        with self.said.open("wb") as said, self.keys.open("wb") as keys:
            self.process = subprocess.Popen([*WICKETGATE, *words], stdout=keys, stderr=said)
        self.url = until(lambda: self.said.read_text().partition(" at ")[2].strip())

    def kill(self) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """It, running."""
    made = Witness(tmp_path / "witness")
    made.start()
    yield made
    made.kill()


def add(url: str, body: bytes) -> httpx.Response:
    return httpx.post(f"{url}/add-checkpoint", content=body, timeout=10)


def test_ours_and_theirs_answer_alike_and_both_cosign_one_checkpoint(
    witness: Witness, tmp_path: Path
) -> None:
    with foreign_witness(tmp_path) as (url, key):
        for what, body, expected in TABLE:
            answers = [add(witness.url, body), add(url, body)]
            assert tuple(one.status_code for one in answers) == expected, what
            if expected == (409, 409):
                for one in answers:
                    assert one.headers["content-type"] == "text/x.tlog.size"
                    assert one.content == b"461\n"
        # Each one's lines verify beside the other's, and beside the log's own.
        note = LOG.checkpoint(600) + answers[0].content + answers[1].content
        ours = [parse_cosigner(one) for one in witness.keys.read_text().split()]
        opened = open_note(note, [SIGNER.verifier, *ours, parse_cosigner(key)])
        assert [one.name for one in opened.signatures] == [
            *(ORIGIN, "witness.example/w1", "witness.example/w1", "foreign.example/w")
        ]
    assert "ALARM" in witness.said.read_text()
    assert witness.stop() == 0


def test_killed_again_and_again_it_cosigns_one_chain(witness: Witness) -> None:
    """What was answered is never taken back: a fork at its size is refused by the next life."""
    chance, answered = random.Random(8), 0
    for number in range(6):
        size = answered + chance.randrange(1, 60)
        body = LOG.submission(answered, size)
        response = add(witness.url, body)
        assert response.status_code == 200
        answered = size
        if number % 2:
            witness.kill()
            witness.start()
        if answered > 420:
            assert add(witness.url, submission(str(size), [], FORK.checkpoint(size))).status_code == 422
        assert add(witness.url, submission("0", [], LOG.checkpoint(size))).content == b"%d\n" % answered


def test_a_log_that_is_no_key_and_a_missing_name_are_told(tmp_path: Path) -> None:
    for words, told in (
        ([], "--name"),
        (["--name", "w.example", "--log", "no-key"], "name+key id+base64"),
    ):
        done = subprocess.run(
            [*WICKETGATE, "witness", str(tmp_path / "w"), *words], capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 2, done.stderr
        assert told in done.stderr
