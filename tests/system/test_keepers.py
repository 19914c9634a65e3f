"""Links by the command: a gateway and a register as processes of their own, and every byte that they leave."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyrage
import pytest

from bench.harness import WICKETGATE, Running, gateway
from tests.linking import ADDRESS, KEY, NAMES, enquiries, entry, register
from tests.running import OVERSEER, SOURCE, bearer, client, post, read, request, submit, until
from wicketgate.cli.charging_cases import stopped_at
from wicketgate.cli.keepers import shown_row
from wicketgate.clients.charging.cases.casebook import Keeper
from wicketgate.clients.charging.cases.keeper_link import KeeperRefused, ask_keeper
from wicketgate.clients.charging.proofs import ChargeProof
from wicketgate.clients.verify.remote import Remote
from wicketgate.regime.documents.binding import bind
from wicketgate_demo.world import london

DESK = london.PAPERS[london.OF_INTEREST]
PLATE, CLONE, CHARGED = "AB12CDE", "CL12ONE", "EF56GHJ"
STOLEN = london.LINK_CAUSES[0]
KEEPER = {"causes": [STOLEN], "registers": ["dvla"], "per_day": 5, "not_before": "PT0S"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str, Path]]:
    folder = tmp_path_factory.mktemp("register")
    key = folder / "gateway.key"
    key.write_text(KEY)
    key.chmod(0o600)
    with register(folder, [entry(PLATE), entry(CLONE, colour="Red", make="Kia"), entry(CHARGED)]) as url:
        settings = f'port = 0\n[registers.dvla]\nurl = "{url}"\nkey_file = "{key}"\nenquirer = "met"\n'
        with gateway(8, settings=settings) as running:
            document = {**DESK.draft(running.at_us), "keeper": KEEPER}
            submit(running, bind(document, london.ORIGIN), *DESK.signers).raise_for_status()
            entries = [
                {"plate": plate, "kind": "stolen", "priority": 1, "reason": "taken"}
                for plate in (PLATE, CLONE, CHARGED)
            ]
            with client(running, DESK.reader) as desk:
                desk.put(f"/v1/hotlists/{DESK.name}", json=entries).raise_for_status()
            seen = {"make": "Ford", "colour": "blue"}
            post(running, [read(plate, "ccz-0001", vehicle=seen) for plate in (PLATE, CLONE, CHARGED)])
            yield running, url, folder


def feed_file(running: Running, folder: Path) -> tuple[Path, dict[str, int]]:
    """Return a file of the feed, and the row of each plate in it."""

    def both() -> bytes | None:
        with client(running, DESK.reader) as desk:
            data = desk.get(f"/v1/feeds/{DESK.name}?after=0&limit=1000").content
        return data if all(one.encode() in data for one in (PLATE, CLONE, CHARGED)) else None

    data = until(both)
    (folder / "feed.ndjson").write_bytes(data)
    rows = [json.loads(line) for line in data.splitlines() if line.startswith(b'{"seq"')]
    return folder / "feed.ndjson", {one["read"]["plate"]: one["seq"] for one in rows}


def keeper(running: Running, folder: Path, *arguments: str, code: int = 0) -> str:
    token = folder / "token"
    if not token.exists():
        token.write_text(running.tokens[DESK.reader])
        token.chmod(0o600)
    words = [*WICKETGATE, "keeper", *arguments, "--from", running.url, "--token-file", str(token)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def opened(running: Running, folder: Path) -> subprocess.CompletedProcess[str]:
    """Verify the log with the overseer's openings, once the facts of links are in them."""
    identity, openings, key = (folder / name for name in ("identity", "openings", "log.key"))
    identity.write_text(running.offices.identity + "\n")
    key.write_text(request("GET", f"{running.url}/log/key").text)
    at = running.url, "--key", str(key), "--openings", str(openings), "--identity", str(identity)

    def there() -> subprocess.CompletedProcess[str] | None:
        seconds = request(
            "GET", f"{running.url}/v1/openings?limit=1000", headers=bearer(running, OVERSEER)
        ).text
        openings.write_text(seconds)
        told = [decrypted(line, running.offices.identity) for line in seconds.splitlines()]
        if sum(one.count('"keeper-ended"') for one in told) < 2:
            return None
        return subprocess.run([*WICKETGATE, "verify", *at], capture_output=True, text=True, timeout=120)

    return until(there, 30)


def decrypted(line: str, identity: str) -> str:
    sealed = base64.b64decode(json.loads(line)["sealed"])
    return pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(identity)]).decode()


def test_charging_asks_for_a_keeper_by_showing_its_row(
    made: tuple[Running, str, Path], tmp_path: Path
) -> None:
    running, _, _ = made
    file, rows = feed_file(running, tmp_path)
    shown = shown_row(file, rows[CHARGED])
    row = ChargeProof(header=shown["header"], row=shown["row"], index=0, path=list(shown["path"]))
    with Remote(running.url, token=running.tokens[DESK.reader], attempts=1) as remote:
        told = ask_keeper(remote, row, cause=STOLEN, case="1234567890")
        assert isinstance(told, Keeper)
        assert (told.name, told.address) == (NAMES[1], list(ADDRESS))
        again = ask_keeper(remote, row, cause=STOLEN, case="1234567890")
        assert isinstance(again, KeeperRefused)
        assert again.code == "limit-reached"
        other = ask_keeper(remote, msgspec.structs.replace(row, path=["00" * 32] * 9), cause=STOLEN, case="1")
        assert isinstance(other, KeeperRefused)
        assert other.code == "row-unknown"
        # The register says who may charge now, and of what is not there nothing new is charged.
        assert not stopped_at(remote, DESK.name)
        assert stopped_at(remote, "no-such-authority")


def test_a_link_by_the_command_and_nothing_of_it_anywhere(
    made: tuple[Running, str, Path], tmp_path: Path
) -> None:
    running, url, _ = made
    file, rows = feed_file(running, tmp_path)
    why = ("--cause", STOLEN, "--case", "C-7")
    said = json.loads(
        keeper(running, tmp_path, "--row", str(file), "--seq", str(rows[PLATE]), *why, "--json")
    )
    assert (said["keeper"]["name"], said["keeper"]["address"]) == (NAMES[1], list(ADDRESS))
    again = keeper(running, tmp_path, "--row", str(file), "--seq", str(rows[PLATE]), *why, code=1)
    assert "limit-reached" in again
    assert "vehicle-differs" in keeper(
        running, tmp_path, "--row", str(file), "--seq", str(rows[CLONE]), *why, code=1
    )
    assert "has no row" in keeper(running, tmp_path, "--row", str(file), "--seq", "9999", *why, code=2)
    asked = enquiries(url)["keepers"]
    assert [one["reference"] for one in asked[1:]] == [said["id"]]
    # Sources are told of it, and the log opened by the overseer holds it to the law.
    listed = request("GET", f"{running.url}/v1/keepers", headers=bearer(running, SOURCE)).json()["links"]
    assert {one["became"] for one in listed} == {"answered", "vehicle-differs"}
    assert request("GET", f"{running.url}/v1/keepers", headers=bearer(running, OVERSEER)).json() == {
        "links": []
    }
    register_ = request("GET", f"{running.url}/authorities/{DESK.name}/1").text
    assert "is not its driver" in register_
    verified = opened(running, tmp_path)
    assert verified.returncode == 0, verified.stdout
    running.stop()
    names = [one.encode() for one in (*NAMES, *ADDRESS, "FIESTA")]
    for folder, _, files in os.walk(running.folder):
        for name in files:
            data = (Path(folder) / name).read_bytes()
            assert not [one for one in names if one in data], name
    assert not [one for one in names if one in running.log.read_bytes()]
