"""A gateway with witnesses, all of them processes: cosigned, killed and come back, and a fork that is caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.harness import Running, enrol, make
from tests.running import get, until, wicketgate
from tests.witnessing import OwnWitness, naming
from wicketgate.ledger.notes import parse_note, parse_vkey
from wicketgate.ledger.policies import open_cosigned, parse_policy
from wicketgate.ledger.tlog_proofs import parse_tlog_proof


@dataclass
class Witnessed:
    """A running gateway and its witnesses."""

    running: Running
    witnesses: list[OwnWitness]

    def seen(self) -> Any:
        return get(f"{self.running.url}/witnesses.json").json()

    def statuses(self) -> dict[str, str]:
        register = get(f"{self.running.url}/register.json").json()
        return {one["name"]: one["status"] for one in register["authorities"]}


def vkey_of(running: Running) -> str:
    return parse_vkey(get(f"{running.url}/log/key").text.strip()).vkey


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[Witnessed]:
    """A gateway of which two of three witnesses must cosign."""
    witnesses = [OwnWitness(tmp_path, number) for number in (1, 2, 3)]
    running = make(tmp_path, change=naming([one.named() for one in witnesses], 2))
    try:
        running.start()
        vkey = vkey_of(running)
        for one in witnesses:
            one.start(vkey)
        admin = (running.folder / "keys" / "admin.token").read_text().strip()
        running.tokens = enrol(running.url, admin, running.offices, 3, running.at_us)
        yield Witnessed(running, witnesses)
    finally:
        running.stop()
        for one in witnesses:
            one.kill()


def test_two_of_three_cosign_and_without_them_bulk_stops_until_they_come_back(
    witnessed: Witnessed, tmp_path: Path
) -> None:
    running, witnesses = witnessed.running, witnessed.witnesses
    url = running.url
    until(lambda: witnessed.seen()["cosigned"] > 3)
    policy_file = tmp_path / "policy"
    policy_file.write_bytes(get(f"{url}/log/policy").content)
    policy, log = parse_policy(policy_file.read_bytes()), parse_vkey(vkey_of(running))
    cosigned = open_cosigned(get(f"{url}/log/witnessed").content, log, policy)
    assert policy.holds(cosigned.at_s)
    assert not cosigned.bad
    # Both forms of each witness.
    kinds = {one.name for one in parse_note(cosigned.note).signatures}
    assert len(kinds & {f"witness.example/w{number}" for number in (1, 2, 3)}) >= 2
    register = get(f"{url}/register.json").json()
    assert register["witnesses"] == [key for one in witnesses for key in one.keys]

    # A proof that is checked without the log.
    proof = parse_tlog_proof(get(f"{url}/log/proof/1").content)
    first = get(f"{url}/log/tile/entries/000.p/{cosigned.checkpoint.size}")
    assert proof.index == 1
    assert first.status_code in (200, 404)

    state = ("--state", str(tmp_path / "state"))
    good = wicketgate("verify", url, "--policy", policy_file, *state)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "the policy holds" in good.stdout

    # One lost is borne.
    witnesses[0].kill()
    size = witnessed.seen()["cosigned"]
    until(lambda: witnessed.seen()["cosigned"] > size + 2)
    assert witnessed.seen()["stopped"] == []

    # Two are not: bulk first.
    witnesses[1].kill()
    until(lambda: witnessed.seen()["stopped"] == ["bulk"], 40)
    until(lambda: set(witnessed.statuses().values()) == {"unwitnessed"})
    assert get(f"{url}/witnesses").text.count("Too few cosign") == 1
    until(lambda: witnessed.seen()["stopped"] == ["bulk", "search", "match"], 40)

    # And they come back, from where they were.
    witnesses[0].start()
    until(lambda: witnessed.seen()["stopped"] == [], 40)
    until(lambda: set(witnessed.statuses().values()) == {"in-force"})
    until(lambda: witnessed.seen()["behind"] < 5)
    told = get(f"{url}/register.json").json()["witnessing"]["told"]
    assert [one["stopped"] for one in told][:1] == [["bulk"]]
    assert told[-1]["stopped"] == []
    again = wicketgate("verify", url, "--policy", policy_file, *state)
    assert again.returncode == 0, again.stdout + again.stderr
    other = tmp_path / "other"
    other.write_text(f"witness w {OwnWitness(tmp_path, 9).keys[0]}\nquorum w\n")
    bad = wicketgate("verify", url, "--policy", other, *state)
    assert bad.returncode == 1
    assert "the policy does not hold" in bad.stdout
