"""What is shipped beside the program: units that systemd accepts, a configuration that NATS accepts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wicketgate.base.streams.pinned import Certificate
from wicketgate.base.streams.server import READERS_MAY

PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))
COMMANDS = Path(sys.executable).parent
MANUAL = Path(__file__).parents[2] / "docs" / "machines.md"


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_each_unit(unit: Path, tmp_path: Path) -> None:
    # Verified where its program exists: nothing else is changed.
    text = unit.read_text()
    assert "/srv/wicketgate/.venv/bin/" in text
    (tmp_path / unit.name).write_text(text.replace("/srv/wicketgate/.venv/bin", str(COMMANDS)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_nats_accepts_its_configuration(tmp_path: Path) -> None:
    made = Certificate.make()
    for name, data in (
        ("server.pem", made.certificate),
        ("ca.pem", made.certificate),
        ("server.key", made.key),
    ):
        (tmp_path / name).write_text(data)
    text = (PACKAGING / "nats" / "server.conf").read_text()
    (tmp_path / "server.conf").write_text(text.replace("/srv/wicketgate/streams", str(tmp_path)))
    done = subprocess.run(
        [COMMANDS / "nats-server", "-t", "-c", tmp_path / "server.conf"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_may_there_what_it_may_beside_its_gateway() -> None:
    text = (PACKAGING / "nats" / "server.conf").read_text()
    reader = text[text.index("user: reader") :]
    named = reader[reader.index("[") + 1 : reader.index("]")].replace('"', "").split()
    assert named == READERS_MAY["publish"]["allow"]


def test_the_manual_names_every_file() -> None:
    text = MANUAL.read_text()
    for path in sorted(PACKAGING.rglob("*")):
        if path.is_file():
            assert f"packaging/{path.relative_to(PACKAGING)}" in text, path
