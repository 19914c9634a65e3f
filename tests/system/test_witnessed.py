"""A gateway with witnesses, all of them processes: cosigned, killed and come back, and a fork that is caught."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.harness import Running, enrol, make
from tests.running import get, until, wicketgate
from tests.witnessing import ForeignWitness, OwnWitness, naming
from wicketgate.ledger.notes import parse_note, parse_vkey
from wicketgate.ledger.policies import open_cosigned, parse_policy
from wicketgate.ledger.tlog_proofs import parse_tlog_proof

LATER = {"bulk_after": "PT1M", "search_after": "PT2M", "match_after": "PT3M"}


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


def test_ours_and_theirs_cosign_and_a_fork_under_the_same_key_is_caught(tmp_path: Path) -> None:
    """A second gateway is made for real: the same key, from a copy of the directory."""
    (tmp_path / "a").mkdir()
    ours, theirs = OwnWitness(tmp_path), ForeignWitness(tmp_path)
    running = make(
        tmp_path / "a",
        change=naming(
            [ours.named(), theirs.named()], 2, bulk_after="PT1M", search_after="PT2M", match_after="PT3M"
        ),
    )
    fork: Running | None = None
    try:
        running.start()
        vkey = vkey_of(running)
        ours.start(vkey)
        theirs.start(vkey, parse_vkey(vkey).name)
        honest = Witnessed(running, [ours])
        until(lambda: honest.seen()["cosigned"] > 3)
        assert set(honest.seen()["by"]) == {"w1", "foreign"}
        policy, key = tmp_path / "policy", tmp_path / "key"
        policy.write_bytes(get(f"{running.url}/log/policy").content)
        key.write_text(vkey)
        by_policy = ("--policy", policy, "--key", key)
        good = wicketgate("verify", running.url, *by_policy, "--state", tmp_path / "state")
        assert good.returncode == 0, good.stdout + good.stderr

        # Elsewhere it is kept whole, and goes on where it was left.
        mirror = tmp_path / "mirror"
        kept = [wicketgate("mirror", running.url, mirror, "--key", key, "--once") for _ in range(2)]
        assert [one.returncode for one in kept] == [0, 0], kept[-1].stderr
        whole = wicketgate("verify", mirror, *by_policy, "--state", tmp_path / "of-mirror")
        assert whole.returncode == 0, whole.stdout + whole.stderr
        assert "the policy holds of all" in whole.stdout

        running.stop()
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        running.start()
        size = honest.seen()["size"]
        until(lambda: honest.seen()["cosigned"] > size + 3)
        wicketgate("mirror", running.url, mirror, "--key", key, "--once")
        running.stop()

        # The fork grows past what was cosigned, and nobody cosigns it.
        fork = Running(tmp_path / "b", running.offices, running.at_us)
        fork.start()
        second = Witnessed(fork, [ours])
        until(lambda: any("422" in one["said"] for one in second.seen()["refusals"]), 60)
        caught = next(one for one in second.seen()["refusals"] if "422" in one["said"])
        assert caught["note"].startswith(f"{parse_vkey(vkey).name}\n")
        signed = until(lambda: [one for one in second.seen()["refusals"] if one["other"]], 30)[0]
        assert signed["other"] != signed["note"], "both are signed by the log's key"
        assert "Says that the log forked" in get(f"{fork.url}/witnesses").text
        for number, words in enumerate((by_policy, ("--key", key, "--seen", mirror / "checkpoint"))):
            bad = wicketgate("verify", fork.url, *words, "--state", tmp_path / f"fork-{number}")
            assert bad.returncode == 1, bad.stdout
        refused = wicketgate("mirror", fork.url, mirror, "--key", key, "--once")
        assert refused.returncode == 1, refused.stderr
        assert (mirror / "refused-checkpoint").exists()
    finally:
        running.stop()
        if fork is not None:
            fork.stop()
        ours.kill()
        theirs.kill()
