"""What clients send holds the event loop for no longer than it may, and takes no more than it may: the real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.running import SOURCE, bearer, client, now_us, read, until
from wicketgate.base.signing import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    PrivateKey,
    dump_envelope,
    sign_payload,
)

HELD_S = 0.15
"""What one request may hold the loop for, in CPU time: the bound is 50 ms, and the machine of the tests is slow."""


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(12) as made:
        yield made


def resident(running: Running) -> int:
    """Return the bytes of memory that the gateway's process has now."""
    pages = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1])
    return pages * 4096


def on_disk(running: Running) -> int:
    return sum(path.stat().st_blocks * 512 for path in running.folder.rglob("*") if path.is_file())


def longest_s(running: Running) -> float:
    """Return the longest stretch of work on the loop so far."""
    with client(running, "admin") as admin:
        text = admin.get("/metrics").text
    (line,) = [
        line for line in text.splitlines() if line.startswith('wicketgate_loop_longest_seconds{by="cpu"}')
    ]
    return float(line.split()[-1])


def send(running: Running, body: bytes, media_type: str, path: str = "/v1/reads") -> httpx.Response:
    headers = {**bearer(running, SOURCE), "Content-Type": media_type}
    return httpx.post(f"{running.url}{path}", content=body, headers=headers, timeout=120)


@pytest.mark.parametrize("posts", [2, pytest.param(10, marks=pytest.mark.slow)])  # ten are four megabytes
def test_megabytes_of_junk_are_counted_and_the_first_of_it_kept(posts: int) -> None:
    """On 0.3 they became 193 MB on disk, 370 MB of memory, and a restart of 427 s."""
    with gateway(3) as running:
        send(running, b"{}\n" * 100, "application/x-ndjson")
        time.sleep(1)
        memory, disk = resident(running), on_disk(running)
        sent = 100
        for _ in range(posts):
            answer = send(running, b"{}\n" * 140_000, "application/x-ndjson").json()
            assert (answer["accepted"], answer["repeated"], len(answer["quarantined"])) == (0, 0, 140_000)
            assert answer["quarantined"][-1]["index"] == 139_999
            sent += 140_000
        with client(running, SOURCE) as source:

            def counts() -> dict[str, Any] | None:
                shown: dict[str, Any] = source.get("/v1/cameras").json()
                return shown if shown["unknown"].get("malformed") == sent else None

            shown = until(counts, 60)
            assert 0 < sent - shown["unkept"] < 11_000
            assert resident(running) - memory < 100 * 1024 * 1024
            assert on_disk(running) - disk < 40 * 1024 * 1024
            lines, after = 0, 0
            while text := source.get(f"/v1/quarantine?limit=1000&after={after}").text:
                numbers = [json.loads(line)["number"] for line in text.splitlines()]
                assert numbers == list(range(after + 1, after + 1 + len(numbers)))
                lines, after = lines + len(numbers), numbers[-1]
            assert lines == sent - shown["unkept"]
        running.kill()
        begun = time.monotonic()
        running.start()
        assert time.monotonic() - begun < 20
        with client(running, SOURCE) as source:
            again = source.get("/v1/cameras").json()
            assert (again["unknown"]["malformed"], again["unkept"]) == (sent, shown["unkept"])


def rows(count: int) -> list[dict[str, Any]]:
    return [
        read(f"AB{n % 100:02d}CDE", f"ccz-{1 + n % 12:04d}", ago_s=1 + n / 1000, id=f"{now_us()}-{n}")
        for n in range(count)
    ]


POSTS = {
    "lines of junk": (b"{}\n" * 145_000, "application/x-ndjson", 200),
    "an array of junk": (b"[" + b"{}," * 145_000 + b"{}]", "application/json", 200),
    "too many in an array": (b"[" + b"{}," * 2_700_000 + b"{}]", "application/json", 400),
    "too many lines": (b"{}\n" * 2_700_000, "application/x-ndjson", 400),
    "one that is deep": (b"[" * 4_000_000, "application/json", 413),
    "one of many lists": (b'[{"a":[' + b"[]," * 2_700_000 + b"1]}]", "application/json", 413),
    "one of many members": (b"{" + b'"":1,' * 1_500_000 + b'"a":1}', "application/json", 413),
    "texts like borders": (b"[" + b'"},{",' * 1_300_000 + b"1]", "application/json", 400),
    "good ones and a bad one at the end": (b"[" + b"{}," * 100_000 + b"{]", "application/json", 400),
}


@pytest.mark.parametrize("name", POSTS)
def test_a_post_holds_the_loop_for_a_moment_alone(running: Running, name: str) -> None:
    body, media_type, status = POSTS[name]
    with client(running, SOURCE) as source:
        before = source.get("/v1/cameras").json()["unknown"].get("malformed", 0)
        assert send(running, body, media_type).status_code == status
        if status != 200:
            assert source.get("/v1/cameras").json()["unknown"].get("malformed", 0) == before, (
                "nothing was taken"
            )
    assert longest_s(running) < HELD_S


def test_a_post_of_many_good_reads(running: Running) -> None:
    body = json.dumps(rows(40_000)).encode()
    answer = send(running, body, "application/json")
    assert answer.json() == {"accepted": 40_000, "repeated": 0, "quarantined": []}
    assert longest_s(running) < HELD_S


MOST = 8 * 1024 * 1024 - 1_000
# Made where they are sent: each worker that collects these tests would make megabytes for one of them.
PUSHES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "attributes": (
        "hikvision",
        lambda: b"<EventNotificationAlert " + b" ".join(b'a%d="1"' % n for n in range(600_000)) + b"/>",
        "application/xml",
    ),
    "lists": ("axis", lambda: b'{"a":[' + b"[]," * (MOST // 3) + b"1]}", "application/json"),
    "members": ("platerecognizer", lambda: b'{"a":1' + b',"a":1' * (MOST // 6) + b"}", "application/json"),
    "escapes": (
        "platerecognizer",
        lambda: b"json=" + b"%5B" * (MOST // 3),
        "application/x-www-form-urlencoded",
    ),
}


@pytest.mark.parametrize("name", PUSHES)
def test_a_push_holds_the_loop_for_a_moment_alone(running: Running, name: str) -> None:
    adapter, body, media_type = PUSHES[name]
    answer = send(running, body(), media_type, f"/v1/push/{adapter}")
    assert answer.status_code == 200
    assert [one["code"] for one in answer.json()["quarantined"]] == ["malformed"]
    assert longest_s(running) < HELD_S


def test_what_no_officer_signed_is_not_looked_into(running: Running) -> None:
    payload = b'{"authority":{"a":[' + b"[]," * 14_000 + b"1]}}"
    kind = "application/vnd.wicketgate.authority+json"
    unsigned = dump_envelope(Envelope(payload_type=kind, payload=payload))
    signed = dump_envelope(sign_payload(kind, payload, [PrivateKey.generate()]))
    for body, code in ((unsigned, "signature-missing"), (signed, "signature-invalid")):
        assert send(running, body, "application/json", "/v1/documents").json()["code"] == code
    large = b" " * (MAX_ENVELOPE_BYTES + 1)
    assert send(running, large, "application/json", "/v1/documents").status_code == 413
    assert longest_s(running) < HELD_S


@pytest.mark.parametrize("part", [b'{"id":"c"},', b"{},", b'{"id":"c","groups":["g"]},'])
def test_a_list_of_cameras_that_is_too_long(running: Running, part: bytes) -> None:
    body = b"[" + part * (MOST // len(part)) + b"{}]"
    headers = {**bearer(running, SOURCE), "Content-Type": "application/json"}
    answer = httpx.put(f"{running.url}/v1/cameras", content=body, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert longest_s(running) < HELD_S
