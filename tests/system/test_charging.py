"""`wicketgate charging`: a real feed reduced over kill -9, and settled as an independent account has it."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.harness import WICKETGATE, Running, gateway
from tests import charging_oracle as oracle
from tests.running import CHARGING, files_below, now_us, plates, post, secret_file, submit, until, wicketgate
from wicketgate.base.clock import from_datetime, rfc3339
from wicketgate.clients.charging.days import passages_of
from wicketgate.clients.charging.payers import NoPayers
from wicketgate.clients.charging.proofs import proved_rows
from wicketgate.clients.charging.published import kept_terms
from wicketgate.clients.charging.settlement import run_settlement
from wicketgate.clients.charging.store import open_store, said
from wicketgate.ledger.merkle import leaf_hash, verify_inclusion
from wicketgate.regime.documents.document import parse_toml
from wicketgate_demo.world import london

ROOT = Path(__file__).parents[2]
SIGNERS = ("tfl/commissioner", "tfl/data-protection")
DAY = datetime.now(oracle.LONDON).date() + timedelta(days=1)
"""A scheme begins at a midnight that lies ahead: reads are of tomorrow, which the charter lets cameras say."""


def change(charter: dict[str, Any]) -> None:
    rule = {"kind": "scheme", "offices": list(SIGNERS)}
    charter["signatures"] += [rule, {**rule, "kind": "waiver", "need": "any"}]
    charter["limits"]["clock_ahead"] = "P4D"


def scheme() -> dict[str, Any]:
    """Return the low-emission zone, from tomorrow on, by all the cameras of the feed."""
    document = parse_toml((ROOT / "tests/schemes/london-ulez.toml").read_bytes())
    begin, end = (oracle.midnight(DAY + timedelta(days=days), oracle.LONDON) for days in (0, 60))
    document["scheme"] |= {
        "log": london.ORIGIN,
        "authority": london.CHARGING,
        "default_class": "fails",
        "valid_from": rfc3339(from_datetime(begin)),
        "valid_until": rfc3339(from_datetime(end)),
    }
    document["zones"][0] |= {"boundary": [london.BOUNDARY], "inside": [london.ZONE]}
    document["calendar"] = [
        {"year": year, "holidays": [], "free": [f"{year}-12-25"]} for year in range(DAY.year, DAY.year + 2)
    ]
    return dict(document)


def waiver() -> dict[str, Any]:
    """Return one of all that tomorrow costs."""
    document = parse_toml((ROOT / "docs/spec/examples/waiver.toml").read_bytes())
    begin, end = (oracle.midnight(DAY + timedelta(days=days), oracle.LONDON) for days in (0, 1))
    document["waiver"] = {
        "log": london.ORIGIN,
        "id": "w-tomorrow",
        "scheme": "london-ulez",
        "at": rfc3339(now_us()),
        "reason": "The signs were not there.",
        "from": rfc3339(from_datetime(begin)),
        "until": rfc3339(from_datetime(end)),
        "percent": 100,
    }
    return dict(document)


class Reads:
    """Reads of tomorrow, as they were posted: of what lies further ahead a gateway lets nothing go."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.plates = plates(40, seed)
        self.seen: dict[str, list[oracle.Read]] = {}

    def some(self, count: int) -> list[dict[str, Any]]:
        """Return so many, of whichever vehicles; none twice."""
        found = []
        for _ in range(count):
            plate = self._chance.choice(self.plates)
            at = oracle.midnight(DAY, oracle.LONDON) + timedelta(
                milliseconds=self._chance.randrange(24 * 3_600_000)
            )
            camera, sure = f"ccz-{self._chance.randint(1, 60):04d}", self._chance.randint(80, 99)
            self.seen.setdefault(plate, []).append((at, camera, sure, "london"))
            found.append(
                {
                    "plate": plate,
                    "camera": camera,
                    "captured_at": rfc3339(from_datetime(at)),
                    "confidence": sure / 100,
                }
            )
        return found


@pytest.fixture(scope="module")
def charged() -> Iterator[Running]:
    """A gateway with the scheme in force tomorrow."""
    with gateway(60, change=change) as running:
        assert submit(running, scheme(), *SIGNERS).status_code == 201
        yield running


def rows(folder: Path) -> int:
    """Return how many rows were received."""
    done = wicketgate("charging", "report", folder)
    return int(json.loads(done.stdout)["rows"]["received"])


def test_a_feed_is_reduced_once_over_kills_and_settled_as_the_oracle_has_it(
    charged: Running, tmp_path: Path
) -> None:
    folder, reads = tmp_path / "charging", Reads(15)
    token = secret_file(tmp_path / "token", charged.tokens[CHARGING])
    made = wicketgate("charging", "init", folder, "--from", charged.url, "--token-file", token)
    assert made.returncode == 0, made.stderr
    assert "charges by `london-ulez` on the feed `tfl-charging`" in made.stdout
    words = [*WICKETGATE, "charging", "run", str(folder), "--state", str(tmp_path / "state")]
    sent = 0
    for _ in range(4):
        with (tmp_path / "charging.log").open("ab") as output:
            program = subprocess.Popen(words, stderr=output)
        for _ in range(6):
            part = reads.some(25)
            assert post(charged, part)["accepted"] == len(part)
            sent += len(part)
        _wait(program, folder, sent - 150)
        program.send_signal(signal.SIGKILL)
        program.wait(10)
    once = wicketgate("charging", "run", folder, "--once", "--state", tmp_path / "state")
    assert once.returncode == 0, once.stderr
    assert rows(folder) == sent
    _compare(folder, reads)
    _explain(folder, reads)
    _settle(charged, folder, reads)
    again = wicketgate("charging", "init", folder, "--from", charged.url, "--token-file", token)
    assert again.returncode == 2
    assert "is a charging folder already" in again.stderr


def _wait(program: subprocess.Popen[bytes], folder: Path, more_than: int) -> None:
    """Wait until a program has begun to reduce: it is killed wherever it is then."""
    until(lambda: program.poll() is None and rows(folder) > more_than, 30)


def _days(reads: Reads) -> dict[tuple[date, str], list[oracle.Read]]:
    found: dict[tuple[date, str], list[oracle.Read]] = {}
    for plate, seen in reads.seen.items():
        for one in seen:
            found.setdefault((one[0].astimezone(oracle.LONDON).date(), plate), []).append(one)
    return found


def _compare(folder: Path, reads: Reads) -> None:
    """Compare what is kept with what was posted: number, first and last, and the two best with their proofs."""
    connection = open_store(folder)
    days = _days(reads)
    for (day, plate), seen in days.items():
        if (day.month, day.day) == (12, 25):
            continue
        [(_, kept)] = passages_of(connection, day.toordinal(), plate)
        assert kept.reads == len(seen)
        assert (kept.first_us, kept.last_us) == tuple(from_datetime(how(seen)[0]) for how in (min, max))
        best = min(seen, key=lambda one: (-one[2], one[0]))
        assert (kept.best[0].camera, 100 - kept.best[0].unsure) == (f"tfl/{best[1]}", best[2])
        for one in proved_rows(connection, [read.seq for read in kept.best]):
            path = [bytes.fromhex(node) for node in one.path]
            size, root = int(one.header["rows"]), bytes.fromhex(one.header["root"])
            assert verify_inclusion(leaf_hash(one.row.encode()), one.index, size, path, root)
            assert json.loads(one.row)["read"]["plate"] == plate
    assert int(said(connection, "proved")) == int(said(connection, "last")["batch"])
    connection.close()


def _explain(folder: Path, reads: Reads) -> None:
    (day, plate), seen = next(iter(_days(reads).items()))
    done = wicketgate("charging", "explain", folder, f"{plate[:4]} {plate[4:]}", day.isoformat(), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["amount"] == sum(oracle.low_emission(seen, day))
    if answer["amount"]:  # at Christmas nothing is kept
        assert f"{len(seen)} read" in json.dumps(answer["rules"])


def _settle(charged_at: Running, folder: Path, reads: Reads) -> None:
    """Settle when nobody can pay any more, and again when all is waived: then nothing is left."""
    early = wicketgate("charging", "settle", folder)
    assert early.stdout == "settled 0 vehicle-days (nothing due); forgot 0\n", early.stderr
    connection = open_store(folder)
    terms = kept_terms(connection)
    days = {key: oracle.low_emission(seen, key[0]) for key, seen in _days(reads).items()}
    charged = {key for key, charges in days.items() if charges}
    over = from_datetime(oracle.midnight(DAY + timedelta(days=8), oracle.LONDON))
    tally = run_settlement(connection, terms, NoPayers(), over)
    assert tally.outcomes["penalty"] + tally.outcomes["review"] == len(charged)
    # A waiver that comes out of the log later ends all of it.
    assert submit(charged_at, waiver(), SIGNERS[1]).status_code == 201
    looked = wicketgate("charging", "run", folder, "--once", "--state", folder.parent / "state")
    assert looked.returncode == 0, looked.stderr
    assert run_settlement(connection, kept_terms(connection), NoPayers(), over).outcomes["nothing"] == len(
        charged
    )
    connection.close()
    for path, data in files_below(folder):
        assert not any(plate.encode() in data for plate in reads.plates), path
