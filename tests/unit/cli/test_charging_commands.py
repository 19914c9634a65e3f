"""Those commands of `charging` that need no gateway, on a folder that was made before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.running import secret_file, wicketgate
from tests.unit.clients.test_charging_book import OWER, PAYER, Town
from wicketgate.base.signing import PrivateKey, dump_envelope
from wicketgate.clients.charging.cases.pack import check_case_pack
from wicketgate.clients.charging.store import change, say
from wicketgate.ledger.notes import NoteSigner
from wicketgate.regime.documents.document import sign_document

VKEY = NoteSigner(name="log.example", private=PrivateKey.generate()).vkey
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def run(town: Town) -> Run:
    scheme = town.book.terms.newest
    key = PrivateKey.generate()
    envelope = sign_document(scheme.document, [key])
    with change(town.store):
        say(town.store, url="http://127.0.0.1:9", feed="charging", scheme=scheme.name, key=VKEY)
        town.store.execute(
            "INSERT INTO documents VALUES (1, 'schemes', 0, ?)", (dump_envelope(envelope).decode(),)
        )

    def run(command: str, *words: str | Path, code: int = 0) -> CompletedProcess[str]:
        done = wicketgate("charging", command, town.folder.folder, *words)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run


def test_money_by_the_command(town: Town, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "payments.csv"
    file.write_text(
        f"number,plate,day,received_at,amount\np-1,{PAYER},2026-09-01,2026-09-01T10:00:00Z,1800\n"
    )
    assert run("import-payments", file).stdout == "1 payments were new, 0 were known\n"
    assert run("import-payments", file).stdout == "0 payments were new, 1 were known\n"
    file.write_text(file.read_text().replace("1800", "18.00"))
    refused = run("import-payments", file, code=1)
    assert "line 2: `amount` is whole minor units" in refused.stderr
    assert "[payments-refused]" in refused.stderr
    file.write_text(f"account,plate,from,until,class,discounts,exemptions\nA-1,{OWER},2026-08-01,,,,\n")
    assert run("import-accounts", file).stdout == "1 of 1 lines were new\n"
    file.write_text("number,account,received_at,amount\np-2,A-1,2026-09-02T10:00:00Z,5000\n")
    run("import-payments", file)
    shown = json.loads(run("statement", "A-1", "--json").stdout)
    assert (shown["after"], [one["words"] for one in shown["lines"]]) == (-5000, ["Payment"])
    assert "there is no such account" in run("statement", "A-2", code=1).stderr
    assert "18.00 GBP were given back" in run("refund", "p-1", "--number", "f-1").stdout
    book = json.loads(run("book").stdout)
    assert (book["accounts"]["bank"], book["sum"]) == (5000, 0)


def test_a_case_by_the_command(town: Town, run: Run, tmp_path: Path) -> None:
    town.see(OWER)
    town.settle()
    town.confirm(OWER)
    [number] = town.issue(OWER)
    assert "issued" in run("act", number).stdout
    run("letter", number, "--out", tmp_path / "letter.html")
    assert "K Eeper" in (tmp_path / "letter.html").read_text()
    run("pack", number, "--out", tmp_path / "pack.zip")
    assert check_case_pack((tmp_path / "pack.zip").read_bytes()) == []
    plate = secret_file(tmp_path / "plate", OWER)
    assert "1 penalties were cancelled" in run("clone", "--plate-file", plate, "--by", "ann").stdout
    assert "cancelled" in run("act", number).stdout
    assert run("clone", "--plate-file", plate, "--by", "ann", "--end").stdout == "ended\n"


def test_somebody_reviews_with_a_passphrase_of_their_own(run: Run, tmp_path: Path) -> None:
    short = secret_file(tmp_path / "short", "short")
    assert (
        "a passphrase has 12 to 200 characters"
        in run("person", "ann", "--passphrase-file", short, code=1).stderr
    )
    long = secret_file(tmp_path / "long", "correct horse battery")
    assert run("person", "ann", "--passphrase-file", long).stdout == "ann may sign in\n"
    assert run("person", "ann", "--end").stdout == "ann reviews no longer\n"
    run("person", "ann", "--end", code=1)
