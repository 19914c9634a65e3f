"""No plate of a run, nor a hash of one, in any public byte, in an error, a log, a metric or a process's name."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from bench.harness import Running
from tests.consulting import consultation, publish, respond
from tests.running import (
    SOURCE,
    arrived,
    batches_of,
    bearer,
    client,
    feed,
    files_below,
    get,
    last_batch,
    log_of,
    plates,
    post,
    read,
    until,
)
from wicketgate.ledger.audit import audit
from wicketgate.ledger.facts import release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import parse_vkey
from wicketgate_demo.world import london

WINDOW = 7
"""Bytes of a needle that are looked for at once; no plate here is shorter."""
PRIVATE = {"vault"}
"""What holds plates in the open: hotlists, as whole files that go with the list."""
REASON, TOLD, SAID, WHO = "WICKETREASON", "WICKETOUTCOME", "WICKETRESPONSE", "WICKETSOMEBODY"
"""What a list, an officer and somebody from the public said in words."""
JPEG = b"\xff\xd8\xff\xe0" + b"WICKETIMAGE" * 300
HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")


def needles(texts: Iterable[str]) -> dict[bytes, str]:
    """Return every form in which a plate must not stand anywhere, and what it is."""
    found: dict[bytes, str] = {}
    for text in texts:
        for form in {text, text.lower(), text.upper(), re.sub(r"[^A-Z0-9]", "", text.upper())}:
            data = form.encode()
            found[data] = "a plate"
            found[quote(form).encode()] = "a plate in a URL"
            found[data.hex().encode()] = "a plate in hexadecimal"
            for name in HASHES:
                digest = hashlib.new(name, data).digest()
                found[digest] = f"{name} of a plate"
                found[digest.hex().encode()] = f"{name} of a plate, in hexadecimal"
                found[digest.hex().upper().encode()] = f"{name} of a plate, in hexadecimal"
                found[base64.b64encode(digest)] = f"{name} of a plate, in base64"
            short = hashlib.blake2b(data, digest_size=16).digest()
            found |= {short: "blake2b-128 of a plate", short.hex().encode(): "blake2b-128 of a plate"}
    return found


class Search:
    """Looks for many needles in many bytes: by their first seven bytes, and then in full."""

    def __init__(self, wanted: Mapping[bytes, str]) -> None:
        self._wanted: dict[int, list[tuple[bytes, str]]] = {}
        for needle, what in wanted.items():
            self._wanted.setdefault(int.from_bytes(needle[:WINDOW], "little"), []).append((needle, what))
        self._starts = np.array(sorted(self._wanted), dtype=np.uint64)

    def find(self, data: bytes) -> list[str]:
        """Return what stands in `data`."""
        found = []
        padded = data + bytes(8 + -len(data) % 8)
        mask = np.uint64((1 << 8 * WINDOW) - 1)
        for shift in range(8):
            words = np.frombuffer(padded, "<u8", (len(padded) - shift) // 8, shift) & mask
            near = np.minimum(np.searchsorted(self._starts, words), len(self._starts) - 1)
            for hit in np.flatnonzero(self._starts[near] == words):
                at = int(hit) * 8 + shift
                found += [
                    what for needle, what in self._wanted[int(words[hit])] if data.startswith(needle, at)
                ]
        return found


def test_the_search_finds_what_it_must() -> None:
    search = Search(needles(["AB12CDE", "wi-12 345"]))
    assert search.find(b"nothing of it, and AB12 CDE is another form") == []
    for planted in (
        b"AB12CDE",
        b"ab12cde",
        b"WI12345",
        b"wi-12%20345",
        hashlib.sha256(b"AB12CDE").digest(),
        hashlib.sha256(b"AB12CDE").hexdigest().encode(),
        hashlib.md5(b"WI12345", usedforsecurity=False).hexdigest().encode(),
        base64.b64encode(hashlib.blake2b(b"AB12CDE").digest()),
    ):
        for before in range(9):
            assert len(search.find(b"x" * before + planted + b"y" * 3)) >= 1, planted


@pytest.fixture(scope="module")
def run(shared: Running) -> tuple[Running, Search, list[bytes]]:
    """A run with plates of every kind, right and wrong; and the answers that its posts got."""
    texts = plates(450, seed=300)
    answers: list[bytes] = []
    before = last_batch(shared, london.CHARGING)
    _listed(shared, texts[90:110])
    spaced = [f"{plate[:4]} {plate[4:]}" for plate in texts[:40]]
    dashed = [f"{plate[:2]}-{plate[2:4]}.{plate[4:]}".lower() for plate in texts[40:80]]
    long = [f"WICKET{plate[2:]}" for plate in texts[80:90]]
    vehicle = {"make": "Morris", "model": "Minor", "colour": "green"}
    good = [*spaced, *dashed, *long, *texts[90:250]]
    for n in range(0, len(good), 35):
        reads = [
            read(plate, f"ccz-{i % 60 + 1:04d}", id=f"WICKETREAD-{n}-{i}", vehicle=vehicle)
            for i, plate in enumerate(good[n : n + 35])
        ]
        answers.append(json.dumps(post(shared, reads)).encode())
        answers.append(json.dumps(post(shared, reads[:5])).encode())  # repeats
    answers += _wrong(shared, texts[250:])
    arrived(shared, london.CHARGING, texts[200:250], after=before)
    arrived(shared, london.OF_INTEREST, texts[90:110], after=0)
    _say(shared)
    with client(shared, SOURCE) as source:
        until(lambda: texts[449] in source.get("/v1/quarantine?limit=1000").text)
    # Until the second of the last batch, and that of the last quarantined read, stand in the log.
    wanted = log_of(shared.url)[1].size + 4
    until(lambda: log_of(shared.url)[1].size >= wanted)
    names = [f"WICKETREAD-{n}-{i}" for n in range(0, len(good), 35) for i in range(35)]
    words = [REASON, TOLD, SAID, WHO, "WICKETIMAGE", *names]
    return shared, Search(needles([*texts, *good, *words])), answers


def _say(running: Running) -> None:
    """Send an image behind a read, tell what became of a hit, and respond to a consultation unpublished."""
    with client(running, SOURCE) as source:
        put = source.put("/v1/reads/WICKETREAD-70-0/images/patch", content=JPEG)
        assert put.status_code == 200, put.text
    with client(running, london.DUTY_DESK) as desk:
        hit = until(lambda: desk.get("/v1/hits").json()["hits"])[0]
        assert REASON in json.dumps(hit)
        told = desk.post(f"/v1/hits/{hit['id']}/outcome", json={"outcome": "misread", "reason": TOLD})
        assert told.status_code == 200, told.text
    publish(running, consultation("c-no-plates"))
    said = respond(running, "c-no-plates", text=f"{SAID} of a plate.", name=WHO, publish=False)
    assert said.status_code == 201, said.text


def _wrong(running: Running, some: list[str]) -> list[bytes]:
    """Post plates where they do not belong; return the answers."""
    spare = iter(some[:-1])
    now = read("AA11AAA")
    one: list[Any] = [
        read(next(spare), "nowhere"),
        read(next(spare), ago_s=-300),
        read(next(spare), ago_s=30 * 86400),
        read("AA11AAA", next(spare)),
        read("AA11AAB", id=next(spare)),
        read("AA11AAC", id=next(spare) * 10),
        read("AA11AAD", lane=next(spare)),
        read("AA11AAE", lane=next(spare) * 10),
        read("AA11AAF", vehicle={"make": next(spare), "colour": next(spare)}),
        read("AA11AAG", vehicle={next(spare): "x"}),
        read("AA11AAH", vehicle={"make": next(spare) * 50}),
        read("AA11AAI", direction=next(spare)),
        read(next(spare), id="WICKETREAD-0-0"),
        {**now, "captured_at": next(spare)},
        {**now, "confidence": next(spare)},
        {**now, next(spare): next(spare)},
        {**now, "plate": [next(spare)]},
        {**now, "plate": {"text": next(spare)}},
        {**now, "plate": next(spare) + "!?"},
        {**now, "plate": next(spare) * 10},
        {"plate": next(spare)},
        {next(spare): 1},
        read(some[-1], "nowhere-either"),
    ]
    answers = [json.dumps(post(running, one)).encode()]
    bodies = [
        ("application/json", f'{{"plate": "{next(spare)}"'),
        ("application/json", f'"{next(spare)}"'),
        ("application/json", f'["{next(spare)}"]'),
        ("application/json", f"{next(spare)}"),
        ("application/x-ndjson", f'{{"plate": "{next(spare)}"}}\n{next(spare)}\n'),
        ("application/vnd.apache.arrow.stream", next(spare)),
        (f"text/{next(spare)}", next(spare)),
    ]
    with client(running, SOURCE) as source:
        for media_type, body in bodies:
            answer = source.post("/v1/reads", content=body.encode(), headers={"Content-Type": media_type})
            assert answer.status_code in {400, 415}
            answers.append(answer.content)
        for method, path, body in (
            ("POST", f"/v1/reads?plate={next(spare)}", "{"),
            ("POST", f"/v1/reads/{next(spare)}", ""),
            ("GET", f"/v1/quarantine?after={next(spare)}", ""),
            ("PUT", "/v1/cameras", f'[{{"id": "{next(spare)}!{next(spare)}"}}]'),
            ("POST", f"/v1/push/{next(spare)}", next(spare)),
            ("POST", f"/v1/push/axis?camera={next(spare)}", f'{{"plateText": "{next(spare)}"'),
            (
                "POST",
                "/v1/push/axis?camera=ccz-0001",
                f'{{"plateText": "{next(spare)}", "carState": "lost"}}',
            ),
            ("POST", "/v1/push/hikvision", f"<EventNotificationAlert><ANPR>{next(spare)}</ANPR>"),
            ("POST", "/v1/push/viewtron", f"<config><smartType>VEHICE</smartType>{next(spare)}</config>"),
            ("POST", f"/v1/push/frigate?key={next(spare)}", f'{{"type": "end", "after": "{next(spare)}"}}'),
            ("PUT", f"/v1/reads/{next(spare)}/images/patch", next(spare)),
            ("PUT", "/v1/cameras", f'[{{"{next(spare)}": "{next(spare)}"}}]'),
            ("PUT", "/v1/cameras", f'{{"{next(spare)}": 1}}'),
            ("POST", "/v1/documents", f'{{"payload": "{next(spare)}"}}'),
            ("POST", "/v1/documents", f"{next(spare)}"),
            ("POST", "/v1/tokens", f'{{"name": "{next(spare)}"}}'),
            ("GET", f"/v1/feeds/{next(spare)}", ""),
            ("GET", f"/authorities/{next(spare)}/1", ""),
            ("GET", f"/assets/{next(spare)}", ""),
            ("GET", f"/log/fact/{next(spare)}", ""),
            ("GET", f"/log/tile/{next(spare)}", ""),
            ("GET", f"/{next(spare)}", ""),
            (f"X{next(spare)}", "/v1/reads", ""),
        ):
            answers.append(source.request(method, path, content=body.encode()).content)
    with client(running, "admin") as admin:
        answers.append(admin.post("/v1/tokens", content=f'{{"name": "{next(spare)}"}}'.encode()).content)
    answers += _wrong_lists(running, spare)
    for name in (london.CHARGING, london.COUNTER_TERRORISM):
        headers = {**bearer(running, london.READERS[name]), "Last-Event-ID": next(spare)}
        answers.append(get(f"{running.url}/v1/feeds/{name}?after={next(spare)}", headers=headers).content)
    return answers


def _wrong_lists(running: Running, spare: Iterator[str]) -> list[bytes]:
    """Send plates in lists, outcomes and addresses that are refused; return the answers."""
    until_when = "2999-01-01T00:00:00Z"
    answers = []
    with client(running, london.DUTY_DESK) as desk:
        for media_type, body in (
            ("application/x-ndjson", f'{{"plate": "{next(spare)}"'),
            ("application/x-ndjson", f'{{"plate": "{next(spare)}", "kind": "{next(spare)}"}}'),
            (
                "application/x-ndjson",
                f'{{"plate": "{next(spare)}", "kind": "stolen", "priority": 1, "reason": "x", '
                f'"expires_at": "{until_when}"}}',
            ),
            ("application/x-ndjson", f'{{"{next(spare)}": "{next(spare)}"}}'),
            ("text/csv", f"{next(spare)},{next(spare)}"),
            ("text/csv", next(spare)),
        ):
            for method in ("PUT", "PATCH"):
                answer = desk.request(
                    method,
                    f"/v1/hotlists/{london.OF_INTEREST}",
                    content=body.encode(),
                    headers={"Content-Type": media_type},
                )
                assert answer.status_code in {400, 422}, answer.text
                answers.append(answer.content)
        outcome = json.dumps({"outcome": next(spare), "reason": next(spare)}).encode()
        for method, path, body in (
            ("PUT", f"/v1/hotlists/{next(spare)}", next(spare)),
            ("GET", f"/v1/hits/{next(spare)}", ""),
            ("GET", f"/v1/hits?authority={next(spare)}", ""),
            ("POST", f"/v1/hits/{next(spare)}/outcome", outcome.decode()),
            ("GET", f"/v1/feeds/{london.OF_INTEREST}/images/{next(spare)}", ""),
            ("GET", f"/duty/hits/{next(spare)}", ""),
        ):
            answers.append(desk.request(method, path, content=body.encode()).content)
    return answers


def _listed(running: Running, texts: list[str]) -> None:
    """Have a match authority, and these plates on its list."""
    paper = london.PAPERS[london.OF_INTEREST]
    envelope = london.signed(paper.draft(running.at_us), running.offices, paper.signers)
    with client(running, SOURCE) as source:
        assert source.post("/v1/documents", content=envelope).status_code == 201
    entries = [{"plate": text, "kind": "stolen", "priority": 1, "reason": REASON} for text in texts]
    with client(running, london.DUTY_DESK) as desk:
        answer = desk.put(f"/v1/hotlists/{london.OF_INTEREST}", json=entries)
        assert answer.status_code == 200, answer.text


def test_no_plate_in_what_anybody_may_fetch(run: tuple[Running, Search, list[bytes]]) -> None:
    running, search, _ = run
    fetched: dict[str, bytes] = {}

    def keep(path: str, **more: Any) -> bytes:
        answer = get(running.url + path, **more)
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
        fetched[path] = head + b"\n\n" + answer.content
        return answer.content

    pages = ["/", "/verify", "/docs", "/register.json", "/openapi.json", "/healthz", "/log/key"]
    pages += ["/why-not-less", "/your-read", "/sign-in", "/demonstration/cameras.json"]
    with httpx.stream("GET", f"{running.url}/demonstration/live", timeout=20) as live:
        lines = live.iter_lines()
        fetched["/demonstration/live"] = "\n".join(next(lines) for _ in range(12)).encode()
    for path in pages:
        body = keep(path)
        for asset in re.findall(rb'(?:href|src)="(/assets/[^"#?]+)"', body):
            keep(asset.decode())
    for item in json.loads(keep("/register.json"))["authorities"]:
        keep(f"/authorities/{item['name']}/{item['version']}")

    def fetch(path: str) -> bytes:
        body = keep(f"/log/{path}")
        if body.startswith(b'{"type"'):
            raise FileNotFoundError(path)
        return body

    report = audit(fetch, parse_vkey(fetched["/log/key"].partition(b"\n\n")[2].decode().strip()))
    assert report.checkpoint.size > 10
    assert any(path.startswith("/log/tile/entries/") for path in fetched)
    leaves = {
        leaf_hash(release_fact(batch.header)).hex()
        for name in london.READERS
        for batch in feed(running, name)[-12:]
    }
    assert leaves
    for leaf in leaves:
        assert json.loads(keep(f"/log/fact/{leaf}"))["leaf"] == leaf
    keep("/metrics", headers=bearer(running, "admin"))
    assert b"wicketgate_reads" in fetched["/metrics"]
    for path, data in fetched.items():
        assert search.find(data) == [], path
    assert sum(map(len, fetched.values())) > 50_000


def test_no_plate_in_an_answer_to_a_post_nor_in_an_error(run: tuple[Running, Search, list[bytes]]) -> None:
    _, search, answers = run
    assert len(answers) > 30
    for answer in answers:
        assert search.find(answer) == [], answer[:200]


def test_no_plate_in_a_log_or_in_the_name_of_a_process(run: tuple[Running, Search, list[bytes]]) -> None:
    running, search, _ = run
    logs = {path: path.read_bytes() for path in (running.log, running.folder / "nats" / "server.log")}
    assert all(logs.values())
    processes = [running.pid, *running.children()]
    fronts = len(running.fronts())
    assert len(processes) == 3 + fronts, "the gateway, its streams, the renderer of pages, and fronts"
    for pid in processes:
        for part in ("cmdline", "environ"):
            path = Path(f"/proc/{pid}/{part}")
            logs[path] = path.read_bytes()
    for path, data in logs.items():
        assert search.find(data) == [], path


def test_no_plate_in_the_ledger_nor_in_any_file_but_the_vault(
    run: tuple[Running, Search, list[bytes]],
) -> None:
    """Nor the name of a read, a reason, an image, a response: all of it lies under keys, in streams and beside them."""
    running, search, _ = run
    looked = 0
    for path, data in files_below(running.folder):
        if path.relative_to(running.folder).parts[0] in PRIVATE:
            assert not (running.folder / path.relative_to(running.folder).parts[0]).stat().st_mode & 0o077
            continue
        looked += 1
        assert search.find(data) == [], path
    assert looked > 30
    folders = {path.relative_to(running.folder).parts[0] for path, _ in files_below(running.folder)}
    assert folders >= {"nats", "hits", "proofs", "feeds", "index", "images", "snapshots", "content-keys"}


def test_the_plates_were_there_to_be_found(run: tuple[Running, Search, list[bytes]]) -> None:
    running, search, _ = run
    with client(running, london.READERS[london.CHARGING]) as unit:
        body = unit.get(f"/v1/feeds/{london.CHARGING}", params={"limit": 1000}).content
    assert len(batches_of(body)) > 5
    assert len(search.find(body)) > 200
    with client(running, SOURCE) as source:
        assert len(search.find(source.get("/v1/quarantine?limit=1000").content)) > 20
