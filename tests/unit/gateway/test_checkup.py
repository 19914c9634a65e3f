"""The doctor's look at a deployment: what is wrong is found, named, and has its remedy."""

from __future__ import annotations

import datetime
import fcntl
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wicketgate.base.clock import DAY_US, SystemClock
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.cli.doctor import cameras_found
from wicketgate.gateway import checkup
from wicketgate.gateway.checkup import Symptom, apart, ending, look_at
from wicketgate.gateway.deployment import Deployment

NOW_US = SystemClock().now_us()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    """A deployment as `init` lays it, at a free port."""
    folder = tmp_path / "gateway"
    deployment = Deployment(folder)
    deployment.lay(TEMPLATE.replace("port = 8080", f"port = {free_port()}").encode())
    for name in ("index", "proofs", "hits"):
        deployment.part(name).mkdir(mode=0o700)
        (deployment.part(name) / "data.mdb").touch(mode=0o600)
    deployment.log.mkdir()
    (deployment.log / "checkpoint").touch()
    return folder


def found(folder: Path) -> dict[str, Symptom]:
    return {one.what: one for one in look_at(folder, NOW_US)}


def set_in(folder: Path, *lines: str) -> None:
    path = folder / "wicketgate.toml"
    path.write_text("".join(f"{line}\n" for line in lines))


def certificate(folder: Path, *, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "k.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "k.pem").chmod(0o600)


def test_a_deployment_as_it_should_be_has_nothing_wrong(laid: Path) -> None:
    seen = found(laid)
    assert {"directory", "rights", "disk", "clock", "open files", "port"} <= seen.keys()
    assert [one for one in seen.values() if one.verdict == "wrong" and one.what != "disk"] == []
    assert "is free for it" in seen["port"].words


def test_a_directory_that_is_none_is_wrong_and_nothing_else_is_looked_at(tmp_path: Path) -> None:
    (only,) = look_at(tmp_path, NOW_US)
    assert (only.what, only.verdict) == ("directory", "wrong")
    assert "is not a whole deployment" in only.words


def test_a_setting_that_is_unknown_is_found(laid: Path) -> None:
    set_in(laid, "colour = 1")
    (only,) = look_at(laid, NOW_US)
    assert (only.verdict, "colour" in only.words) == ("wrong", True)


@pytest.mark.parametrize("name", ["keys/log.pem", "keys", "hits"])
def test_a_secret_that_others_may_read_is_wrong_and_chmod_is_named(laid: Path, name: str) -> None:
    (laid / name).chmod(0o755)
    rights = found(laid)["rights"]
    assert rights.verdict == "wrong"
    assert rights.remedy == f"chmod go= '{laid / name}'"


def test_a_full_disk_is_wrong_and_a_filling_one_is_to_be_looked_at(laid: Path) -> None:
    free = os.statvfs(laid).f_bavail * os.statvfs(laid).f_frsize
    set_in(laid, f"disk_alarm_bytes = {free * 3}", f"disk_stop_bytes = {free * 2}")
    assert found(laid)["disk"].verdict == "wrong"
    set_in(laid, f"disk_alarm_bytes = {free * 3}", "disk_stop_bytes = 1")
    assert found(laid)["disk"].verdict == "look"


def test_a_port_that_another_program_has_is_wrong(laid: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        set_in(laid, f"port = {other.getsockname()[1]}")
        port = found(laid)["port"]
        assert (port.verdict, "ss -ltnp" in port.remedy) == ("wrong", True)


def test_beside_a_running_gateway_its_port_is_asked(laid: Path) -> None:
    with socket.socket() as gateway, (laid / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        gateway.bind(("127.0.0.1", 0))
        gateway.listen(1)
        set_in(laid, f"port = {gateway.getsockname()[1]}")
        assert "answers" in found(laid)["port"].words
        set_in(laid, f"port = {free_port()}")
        assert found(laid)["port"].verdict == "look"
    # A look takes no lock from a gateway that starts after it.
    with (laid / "lock").open("r+") as lock:
        found(laid)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture
def greeting() -> Iterator[tuple[int, list[bytes]]]:
    """A server that greets once with what stands in the list."""
    says: list[bytes] = [b"INFO {}\r\n"]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(says[0])

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], says
        server.shutdown(socket.SHUT_RDWR)


def test_streams_of_ones_own_are_asked(greeting: tuple[int, list[bytes]]) -> None:
    port, says = greeting
    assert checkup._streams(f"nats://127.0.0.1:{port}").verdict == "good"
    says[0] = b"HTTP/1.1 400"
    assert "is no server of NATS" in checkup._streams(f"nats://127.0.0.1:{port}").words
    assert "does not answer" in checkup._streams(f"nats://127.0.0.1:{free_port()}").words


@pytest.mark.parametrize(("days", "verdict"), [(90, "good"), (20, "look"), (-1, "wrong")])
def test_a_certificate_is_looked_at_before_it_ends(laid: Path, days: int, verdict: str) -> None:
    certificate(laid, days=days)
    set_in(laid, f"port = {free_port()}", 'certificate = "c.pem"', 'key = "k.pem"')
    assert found(laid)["certificate"].verdict == verdict


def test_a_gateway_in_clear_for_everybody_is_to_be_looked_at(laid: Path) -> None:
    set_in(laid, f"port = {free_port()}", 'host = "0.0.0.0"')
    assert "in clear" in found(laid)["certificate"].words


def test_clocks_and_ends_are_judged_by_what_they_are() -> None:
    assert apart(NOW_US, lambda: NOW_US + 1_900_000).verdict == "good"
    assert "3600 s apart" in apart(NOW_US + 3_600_000_000, lambda: NOW_US).words
    assert ending("c", NOW_US, NOW_US).verdict == "wrong"
    assert ending("c", NOW_US + 21 * DAY_US, NOW_US).verdict == "good"


def test_each_camera_has_its_first_read_or_what_to_do() -> None:
    shown = {
        "cameras": [
            {"id": "a", "counts": {"accepted": 100, "plate-empty": 3}},
            {"id": "b", "counts": {}},
            {"id": "c", "counts": {"zone-missing": 7, "plate-empty": 1}},
            {"id": "d", "counts": {"accepted": 10, "too-old": 9}},
        ],
        "unknown": {"unknown-camera": 4},
    }
    seen = {one.what.removeprefix("camera "): one for one in cameras_found(shown)}
    assert {what: one.verdict for what, one in seen.items()} == {
        "a": "good",
        "b": "wrong",
        "c": "wrong",
        "d": "look",
        "cameras that nobody registered": "wrong",
    }
    assert "7 times `zone-missing`" in seen["c"].words
    assert all(one.remedy for one in seen.values() if one.verdict != "good")
    (none,) = cameras_found({"cameras": [], "unknown": {}})
    assert "none is registered" in none.words
