"""An overseer's day, for real: fetch, open, reconcile, draw, review, and a statement that anybody can check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.harness import Running
from tests.running import MET, OVERSEER, SOURCE, client, get, plates, read, until
from wicketgate import cli
from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.ledger.notes import NoteVerifier, open_note
from wicketgate_demo.world import london

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(shared: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    files = {
        "identity": shared.offices.identity,
        "token": shared.tokens[OVERSEER],
        "key": get(f"{shared.url}/log/key").text,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    shared.offices.keys[london.OVERSEER].save(tmp_path / "office.pem")
    told = [
        "--identity",
        tmp_path / "identity",
        "--token-file",
        tmp_path / "token",
        "--key",
        tmp_path / "key",
    ]

    def oversee(*more: object, state: str = "state") -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        words = ["oversee", shared.url, *told, "--state", tmp_path / state, "--json", *more]
        code = cli.main([str(one) for one in words])
        out = capsys.readouterr().out
        return code, json.loads(out) if out.startswith("{") else {"said": out}

    return oversee


def drawn_from(shared: Running, *, seed: int) -> None:
    """Let a read be released, and let its recipient tell of a disclosure; return once both seconds are sealed."""
    with client(shared, SOURCE) as source:
        assert source.post("/v1/reads", json=[read(one) for one in plates(3, seed=seed)]).status_code == 200
    with client(shared, MET) as met:
        told = {
            "authority": london.COUNTER_TERRORISM,
            "to": "dvla",
            "law": "none",
            "rows": 1,
            "case": "invented",
        }
        assert met.post("/v1/disclosures", json=told).status_code in (201, 403, 422)
    with client(shared, OVERSEER) as overseer:
        begun = len(overseer.get("/v1/openings", params={"limit": 1000}).text.splitlines())
        until(
            lambda: len(overseer.get("/v1/openings", params={"limit": 1000}).text.splitlines()) >= begun + 3
        )


def test_a_day_of_an_overseer(shared: Running, run: Run, tmp_path: Path) -> None:
    drawn_from(shared, seed=901)
    office = tmp_path / "office.pem"
    code, first = run("--sign-with", office, "--draw", 2)
    assert code == 0, first
    assert first["fetched"] == first["counts"]["opened"] > 0
    assert first["counts"]["batches"] > 0
    assert first["found"] == []
    drawn = [one["fact"]["kind"] for one in first["drawn"]]
    assert "disclosure" in drawn
    assert all(drawn.count(kind) <= 2 for kind in drawn)
    assert first["to_review"] == len(drawn)

    public = shared.offices.keys[london.OVERSEER].public
    statement = open_note(
        first["statement"].encode(), [NoteVerifier(name=london.OVERSEER, public=public)]
    ).text
    assert "\nagrees\n" in statement
    count, begin, end = next(line for line in statement.splitlines() if line.startswith("opened ")).split()[
        1:
    ]
    assert int(count) == first["fetched"] <= (parse_rfc3339(end) - parse_rfc3339(begin)) // SECOND_US

    # What was drawn is looked at; the next day takes what is new alone, and goes on from the same checkpoint.
    for one in first["drawn"]:
        verdict = "not-good" if one is first["drawn"][0] else "good"
        assert run("--found", one["id"][:16], verdict, "Asked for the case.")[0] == 0
    drawn_from(shared, seed=902)
    code, second = run("--sign-with", office)
    assert code == 0
    assert 0 < second["fetched"] < second["counts"]["opened"] == first["fetched"] + second["fetched"]
    assert {one["id"] for one in second["drawn"]}.isdisjoint(one["id"] for one in first["drawn"])
    assert "kept" in {check["name"] for check in second["verify"]["checked"]}
    assert f"\nreviewed {len(drawn)} 1\n" in second["statement"]
    assert "\ndisputes\n" in second["statement"], "an overseer who found something not good says so"
    kept = sorted((tmp_path / "state").rglob("*"))
    assert all(path.stat().st_mode & 0o77 == 0 for path in kept)


def test_without_a_key_nothing_is_drawn_or_said(run: Run) -> None:
    code, found = run()
    assert code == 0
    assert found["drawn"] == []
    assert found["statement"] is None


def test_openings_that_were_taken_away_are_disputed(shared: Running, run: Run, tmp_path: Path) -> None:
    drawn_from(shared, seed=903)
    assert run()[0] == 0
    [piece] = (tmp_path / "state" / "openings").iterdir()
    lines = piece.read_bytes().splitlines(keepends=True)
    piece.write_bytes(b"".join(lines[: len(lines) // 2] + lines[len(lines) // 2 + 1 :]))
    code, found = run("--sign-with", tmp_path / "office.pem")
    assert code == 1
    assert "\nfalse openings\n" in found["statement"]


@pytest.mark.parametrize("what", ["token", "identity", "office"])
def test_what_is_no_overseers_is_refused(shared: Running, run: Run, tmp_path: Path, what: str) -> None:
    if what == "token":
        (tmp_path / "token").write_text(shared.tokens[MET] + "\n")
    elif what == "identity":
        (tmp_path / "identity").write_text(london.appoint().identity + "\n")
    else:
        next(key for name, key in shared.offices.keys.items() if name != london.OVERSEER).save(
            tmp_path / "office2.pem"
        )
    code, said = run(*(("--sign-with", tmp_path / "office2.pem") if what == "office" else ()))
    assert code == 2, said
    assert not list((tmp_path / "state" / "statements").iterdir())
