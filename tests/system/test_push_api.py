"""Pushes and images over real sockets: credentials, vendors' payloads, forms, images that follow, kills, the feed."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests import running as outside
from tests.running import CHARGING, MET, SOURCE, arrived, bearer, client, files_below, plates, read
from wicketgate_demo.world import london

JPEG = b"\xff\xd8\xff\xe0"
PNG = b"\x89PNG\r\n\x1a\n"
PHOTOS = "tfl-charging-photos"
SERIAL = "ACCC8ED3290D"


def with_images(now_us: int) -> dict[str, Any]:
    """Return an authority of the charging unit that shows images."""
    document = json.loads(json.dumps(london.charging_authority(now_us)))
    document["authority"]["name"] = PHOTOS
    document["scope"]["fields"] = ["plate", "time", "place", "patch-image", "overview-image"]
    return document


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(6) as running:
        register(running)
        answer = outside.submit(running, with_images(running.at_us), *london.SIGNERS[london.CHARGING])
        assert answer.status_code == 201, answer.text
        yield running


def register(running: Running) -> None:
    cameras = [
        {"id": camera["id"], "groups": camera["groups"], **({"aliases": [SERIAL]} if n == 0 else {})}
        for n, camera in enumerate(london.cameras(6))
    ]
    with client(running, SOURCE) as source:
        source.put("/v1/cameras", json=cameras).raise_for_status()


@pytest.fixture
def source(running: Running) -> Iterator[httpx.Client]:
    with client(running, SOURCE) as source:
        yield source


def axis(plate: str, state: str, car: int, *, confidence: float = 0.9, ago_s: float = 0) -> dict[str, Any]:
    """Return what an Axis camera with the FF Group application sends."""
    at_ms = outside.now_us() // 1000 - round(ago_s * 1000)
    return {
        "packetCounter": str(car),
        "capture_timestamp": str(at_ms),
        "plateUTF8": plate,
        "plateConfidence": str(confidence),
        "carState": state,
        "carID": str(car),
        "camera_info": {"SerialNumber": SERIAL, "ProdShortName": "AXIS P1445-LE-3"},
    }


def photos(running: Running, plate: str, *, seconds: float = 15.0) -> list[dict[str, Any]]:
    """Return the rows of a plate in the feed that shows images, once there are any."""

    def look() -> list[dict[str, Any]]:
        rows = outside.rows_of(outside.feed(running, PHOTOS))
        return [row for row in rows if row["read"]["plate"] == plate]

    return outside.until(look, seconds)


def form(reads: Any, *parts: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    body = json.dumps(reads).encode()
    files = [("reads", ("reads", body, "application/json"))]
    return files + [(name, (name, data, "image/jpeg")) for name, data in parts]


def fetched(running: Running, reference: dict[str, Any], reader: str = CHARGING) -> httpx.Response:
    with client(running, reader) as unit:
        return unit.get(f"/v1/feeds/{PHOTOS}/images/{reference['ref']}")


# --- pushes -----------------------------------------------------------------------------------------------


def test_an_axis_camera_is_one_read_a_vehicle(running: Running, source: httpx.Client) -> None:
    (plate,) = plates(1, seed=31)
    answers = [
        source.post("/v1/push/axis", json=axis(plate, state, 31)).json()
        for state in ("new", "update", "lost")
    ]
    assert [answer["accepted"] for answer in answers] == [0, 0, 1]
    assert [answer.get("held", 0) for answer in answers] == [1, 1, 0]
    assert source.post("/v1/push/axis", json=axis(plate, "lost", 31)).json()["repeated"] == 1
    (row,) = photos(running, plate)
    assert row["read"]["camera"] == "ccz-0001"


def test_a_vehicle_that_never_left_comes_after_three_seconds(running: Running, source: httpx.Client) -> None:
    (plate,) = plates(1, seed=32)
    assert source.post("/v1/push/axis", json=axis(plate, "new", 32)).json()["held"] == 1
    (row,) = photos(running, plate)
    assert "unfinished" in row["read"]["marks"]


def test_the_camera_in_the_address_goes_before_the_payloads(running: Running, source: httpx.Client) -> None:
    (plate,) = plates(1, seed=33)
    payload = axis(plate, "lost", 33)
    answer = source.post("/v1/push/axis", params={"camera": "ccz-0003"}, json=payload)
    assert answer.json()["accepted"] == 1
    answer = source.post("/v1/push/axis", params={"camera": "ccz-9999"}, json=axis(plate, "lost", 34))
    assert [each["code"] for each in answer.json()["quarantined"]] == ["unknown-camera"]


def test_what_is_no_payload(source: httpx.Client) -> None:
    answer = source.post("/v1/push/axis", content=b"\x00\x01 nothing of this maker's")
    assert [each["code"] for each in answer.json()["quarantined"]] == ["malformed"]
    assert "nothing of this maker's" in source.get("/v1/quarantine").text
    assert source.post("/v1/push/nobody", json={}).status_code == 404
    assert source.post("/v1/push/", json={}).status_code == 404
    assert source.put("/v1/push/axis", json={}).status_code == 405
    answer = source.post("/v1/push/axis", content=bytes(8 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_probe_is_a_sign_of_life_of_its_camera(running: Running, source: httpx.Client) -> None:
    def signs() -> int:
        shown = source.get("/v1/cameras").json()["cameras"]
        return next(int(one["signs"]) for one in shown if one["id"] == "ccz-0001")

    before = signs()
    for probe in (
        source.get("/v1/push/hikvision", params={"camera": "ccz-0001"}),
        source.post("/v1/push/hikvision", params={"camera": "ccz-0001"}),
        source.post(
            "/v1/push/axis", json={"type": "heartbeat", "camera_info": {"SerialNumber": SERIAL.lower()}}
        ),
    ):
        assert (probe.status_code, probe.json()) == (200, {"accepted": 0, "repeated": 0, "quarantined": []})
    outside.until(lambda: signs() == before + 3, 10)
    hidden = source.get("/v1/push/hikvision", params={"camera": "ccz-0001", "plate": "AB12CDE"})
    assert [each["code"] for each in hidden.json()["quarantined"]] == ["malformed"]


def basic(name: str, token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()}


def test_three_ways_to_say_who_it_is(running: Running) -> None:
    token = running.tokens[SOURCE]
    url = f"{running.url}/v1/push/axis"
    keyed = f"{url}?camera=ccz-0001&key={token}"
    for n, (where, headers) in enumerate(
        ((url, bearer(running, SOURCE)), (url, basic("tfl", token)), (keyed, {}))
    ):
        (plate,) = plates(1, seed=40 + n)
        answer = outside.request("POST", where, json=axis(plate, "lost", 40 + n), headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text


def test_what_is_no_credential_of_a_device(running: Running) -> None:
    token, unit = running.tokens[SOURCE], running.tokens[CHARGING]
    url = f"{running.url}/v1/push/axis"
    for where, headers in (
        (url, {}),
        (url, basic("hackney", token)),
        (url, basic("", token)),
        (url, basic("tfl", token + "x")),
        (url, {"Authorization": "Basic ???"}),
        (url, {"Authorization": f'Digest username="tfl", response="{token}"'}),
        (f"{url}?key=", {}),
        (f"{url}?key={token}&key={token}", {}),
        (f"{url}?key={token}", {"Authorization": "Bearer wrong"}),
        (f"{running.url}/v1/reads?key={token}", {}),
        (f"{running.url}/v1/reads", basic("tfl", token)),
        (f"{running.url}/v1/feeds?key={unit}", {}),
    ):
        answer = outside.request("POST", where, json={}, headers=headers)
        assert answer.status_code == 401, (headers, answer.text)
    answer = outside.request("POST", url, json={})
    assert answer.headers.get_list("WWW-Authenticate") == [
        "Bearer",
        'Basic realm="wicketgate", charset="UTF-8"',
    ]
    answer = outside.request("POST", f"{url}?key={unit}", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-entitled")


def test_a_key_in_an_address_is_in_no_log(running: Running) -> None:
    token = running.tokens[SOURCE]
    for path in ("axis", "nobody", "axis%00"):
        outside.request("POST", f"{running.url}/v1/push/{path}?key={token}", content=b"{")
    with socket.create_connection(running.address) as raw:
        raw.sendall(f"POST /v1/push/axis?key={token} HTTP/9.9\r\n\r\n".encode())
        raw.recv(1000)
    assert token not in running.log.read_text()
    for path, data in files_below(running.folder):
        assert token.encode() not in data, path


# --- forms ------------------------------------------------------------------------------------------------


def test_images_in_the_form_of_their_reads(running: Running, source: httpx.Client) -> None:
    one, other, none = plates(3, seed=51)
    bodies = {"p1": JPEG + b"one", "o1": PNG + b"scene", "p2": JPEG + b"other"}
    reads = [
        read(one, image={"patch": "p1", "overview": "o1"}),
        read(other, image="p2"),
        read(none),
    ]
    answer = source.post("/v1/reads", files=form(reads, *bodies.items()))
    assert answer.json() == {"accepted": 3, "repeated": 0, "quarantined": []}, answer.text
    shown = {plate: photos(running, plate)[0]["read"] for plate in (one, other, none)}
    assert "patch_image" not in shown[none]
    assert "overview_image" not in shown[other]
    for plate, member, part in (
        (one, "patch_image", "p1"),
        (one, "overview_image", "o1"),
        (other, "patch_image", "p2"),
    ):
        reference = shown[plate][member]
        assert reference["sha256"] == hashlib.sha256(bodies[part]).hexdigest()
        image = fetched(running, reference)
        assert image.content == bodies[part]
        assert image.headers["content-type"] == reference["type"]
        assert image.headers["cache-control"] == "private, no-store"
        assert image.headers["x-content-type-options"] == "nosniff"
    # Without the fields no reference, and no use of one.
    row = outside.rows_of(arrived(running, london.CHARGING, [one]))[-1]
    assert "patch_image" not in row["read"]
    assert fetched(running, shown[one]["patch_image"], MET).status_code == 403
    with client(running, CHARGING) as unit:
        ref = shown[one]["patch_image"]["ref"]
        assert unit.get(f"/v1/feeds/{london.CHARGING}/images/{ref}").status_code == 404
        assert unit.get(f"/v1/feeds/{PHOTOS}/images/{ref[:-2]}AA").status_code == 404
        assert unit.get(f"/v1/feeds/{PHOTOS}/images/x").status_code == 404


def test_images_that_cannot_be_joined_with_certainty(running: Running, source: httpx.Client) -> None:
    one, two, missing, bad = plates(4, seed=52)
    reads = [
        read(one, image="shared"),
        read(two, image="shared"),
        read(missing, image="nowhere"),
        read(bad, image="no-image"),
    ]
    parts = [("shared", JPEG + b"shared"), ("alone", JPEG + b"alone"), ("no-image", b"<html>")]
    body = source.post("/v1/reads", files=form(reads, *parts)).json()
    assert body["accepted"] == 3
    assert [(each["index"], each["code"]) for each in body["quarantined"]] == [(2, "image-missing")]
    assert sorted((each["part"], each["code"]) for each in body["images"]) == [
        (1, "image-unbound"),
        (2, "image-unbound"),
        (3, "image-unreadable"),
    ]
    for plate in (one, two, bad):
        shown = photos(running, plate)[0]["read"]
        assert "patch_image" not in shown
        assert shown["marks"] == ["image-missing"]

    def kept() -> list[dict[str, Any]] | None:
        lines = [json.loads(line) for line in source.get("/v1/quarantine?limit=1000").text.splitlines()]
        digests = {hashlib.sha256(data).hexdigest() for _, data in parts}
        found = [line for line in lines if line["read"].get("sha256") in digests]
        return found if len(found) == 3 else None

    for line in outside.until(kept):
        assert set(line["read"]) <= {"bytes", "image", "sha256", "name", "type"}


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([("other", ("x", b"[]", "application/json"))], "malformed"),
        ([("reads", ("x", b"[]", "application/json"))] * 2, "malformed"),
        ([("reads", ("x", b"{", "application/json"))], "malformed"),
        ([("reads", ("x", b"[]", "text/plain"))], "unsupported-media-type"),
    ],
)
def test_what_is_no_form(source: httpx.Client, files: Any, code: str) -> None:
    assert source.post("/v1/reads", files=files).json()["code"] == code


def test_an_image_named_without_a_form(source: httpx.Client) -> None:
    body = source.post("/v1/reads", json=read(plates(1, seed=53)[0], image="p1")).json()
    assert [each["code"] for each in body["quarantined"]] == ["image-missing"]


# --- images that follow -----------------------------------------------------------------------------------


def put(source: httpx.Client, name: str, kind: str, body: bytes) -> httpx.Response:
    return source.put(f"/v1/reads/{name}/images/{kind}", content=body)


def test_an_image_that_follows_its_read(running: Running, source: httpx.Client) -> None:
    (plate,) = plates(1, seed=61)
    source.post("/v1/reads", json=read(plate, id="follow/1 x")).raise_for_status()
    photos(running, plate)
    patch, overview = JPEG + b"later", PNG + b"later"
    answer = put(source, "follow/1 x", "patch", patch)
    assert answer.json() == {
        "image": "patch",
        "sha256": hashlib.sha256(patch).hexdigest(),
        "repeated": False,
    }
    assert put(source, "follow/1 x", "patch", patch).json()["repeated"] is True
    assert put(source, "follow/1 x", "overview", overview).status_code == 200

    def both() -> list[dict[str, Any]] | None:
        rows = photos(running, plate)
        return rows if "overview_image" in rows[-1]["read"] else None

    rows = outside.until(both)
    assert [row.get("again", False) for row in rows] == [False] + [True] * (len(rows) - 1)
    assert len({row["ref"] for row in rows if "ref" in row}) <= 1
    assert fetched(running, rows[-1]["read"]["patch_image"]).content == patch
    assert fetched(running, rows[-1]["read"]["overview_image"]).content == overview
    # The feed that shows no images does not bring the read again.
    assert outside.plates_in(arrived(running, london.CHARGING, [plate])).count(plate) == 1


def test_an_image_that_no_read_can_be_given(running: Running, source: httpx.Client) -> None:
    (plate,) = plates(1, seed=62)
    source.post("/v1/reads", json=read(plate, id="conflict-1")).raise_for_status()
    assert put(source, "conflict-1", "patch", JPEG + b"1").status_code == 200
    answer = put(source, "conflict-1", "patch", JPEG + b"2")
    assert (answer.status_code, answer.json()["code"]) == (409, "image-conflict")
    answer = put(source, "nobody", "patch", JPEG)
    assert (answer.status_code, answer.json()["code"]) == (404, "image-unbound")
    answer = put(source, "conflict-1", "overview", b"no image")
    assert (answer.status_code, answer.json()["code"]) == (415, "image-unreadable")
    assert put(source, "conflict-1", "thumbnail", JPEG).status_code == 404
    assert put(source, "conflict-1", "patch", bytes(512 * 1024 + 1)).status_code == 413
    assert put(source, "x" * 65, "patch", JPEG).status_code == 404
    with client(running, CHARGING) as unit:
        assert put(unit, "conflict-1", "patch", JPEG).status_code == 403


def test_an_image_that_follows_over_a_kill(running: Running, source: httpx.Client) -> None:
    held, followed = plates(2, seed=63)
    source.post("/v1/reads", json=read(followed, id="kill-1")).raise_for_status()
    source.post("/v1/push/axis", json=axis(held, "new", 63)).raise_for_status()
    running.kill()
    running.start()
    with client(running, SOURCE) as again:
        assert put(again, "kill-1", "patch", JPEG + b"after").status_code == 200
        rows = outside.until(
            lambda: [row for row in photos(running, followed) if "patch_image" in row["read"]] or None
        )
        assert fetched(running, rows[0]["read"]["patch_image"]).content == JPEG + b"after"
        (row,) = photos(running, held)
        assert "unfinished" in row["read"]["marks"]
        assert again.post("/v1/push/axis", json=axis(held, "lost", 63)).json()["repeated"] == 1
    time.sleep(0.5)
    assert len(photos(running, held)) == 1


def counted(running: Running) -> dict[str, int]:
    """Return what became of everything, by name: reads in the gateway's totals, and all of it by camera."""
    with client(running, SOURCE) as source:
        cameras = source.get("/v1/cameras").json()
    counts: dict[str, int] = {}
    for each in (*cameras["cameras"], {"counts": cameras["unknown"]}):
        for name, count in each["counts"].items():
            counts[name] = counts.get(name, 0) + count
    with client(running, "admin") as admin:
        for line in admin.get("/metrics").text.splitlines():
            if line.startswith('wicketgate_reads_total{became="quarantined"}'):
                counts["all quarantined"] = int(float(line.rpartition(" ")[2]))
    return counts


def test_images_are_counted_and_are_no_reads(running: Running, source: httpx.Client) -> None:
    before = counted(running)
    (plate,) = plates(1, seed=71)
    parts = [("alone", JPEG + b"71"), ("bad", b"no image")]
    body = source.post("/v1/reads", files=form([read(plate, image="bad"), read("")], *parts)).json()
    assert (body["accepted"], len(body["quarantined"]), len(body["images"])) == (1, 1, 2)
    photos(running, plate)

    def grown() -> dict[str, int] | None:
        after = counted(running)
        grown = {name: after[name] - before.get(name, 0) for name in after}
        return grown if grown.get("image-unbound") else None

    assert {name: count for name, count in outside.until(grown).items() if count} == {
        "accepted": 1,
        "plate-empty": 1,
        "image-unreadable": 1,
        "image-unbound": 1,
        "all quarantined": 1,
    }
