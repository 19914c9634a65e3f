"""A deployment with figures of several months, kept in a folder as an earlier form of directories has it.

    python -m tests.past_months FOLDER

makes `gateway.tar.xz` and `register.json` in such a folder with the code of today, with nobody at work: founded in July
2026, and away for twenty days again and again. `tests/unit/gateway/test_upgrading_months.py` upgrades the one that the
last code of form 2 made. The people and the keys are invented for it, and nothing else trusts them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tarfile
import tempfile
from pathlib import Path

from bench.growth import ByHand, Growing
from bench.harness import Running
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.commits.register import build_register, dump_register
from wicketgate.commits.transactions import CameraSet
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import software
from wicketgate.ledger.writer import Ledger
from wicketgate_demo.world import london

BEGINS_US = parse_rfc3339("2026-07-08T12:00:00Z")
ABSENCES = 5
LIVES_S = 12
_CAMERAS = tuple(CameraSet(id=f"c{number}", groups=("ccz-boundary",)) for number in range(10))
FOLDER = Path(__file__).parent / "fixtures" / "form-2"


def unpack(base: Path, kept: Path = FOLDER) -> Path:
    """Unpack the deployment of a folder; return its directory."""
    with tarfile.open(kept / "gateway.tar.xz") as archive:
        # Debian 12's Python is older than the filter, and later ones warn without it.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(base, **safe)  # noqa: S202 - our own archive
    return base / "gateway"


async def _live(running: Running, charter: bytes) -> bytes:
    settings, clock = load_settings(running.folder), ByHand(BEGINS_US)
    await Gateway.found(settings, charter, clock)
    for life in range(ABSENCES + 1):
        gateway = Gateway(settings, clock)
        try:
            await gateway._open()
            growing = Growing(gateway, clock)
            await gateway.commits.start(software(running.folder))
            if not life:
                await gateway.camera_lists.register_cameras("tfl", _CAMERAS)
                document = london.charging_authority(BEGINS_US)
                signers = london.SIGNERS[london.CHARGING]
                await gateway.filing.submit(london.signed(document, running.offices, signers))
            await growing._told()
            for _ in range(LIVES_S):
                clock.at_us += SECOND_US
                gateway.commits.tick()
                await growing._told()
            await growing.keep()
            state = gateway.commits.committed
            register = build_register(
                gateway.commits.committed_at(state.at_us),
                state,
                checkpoint=gateway.projections.ledger.checkpoint,
                log_key=gateway.ledger_vkey,
            )
        finally:
            await gateway.stop()
        clock.at_us += 20 * DAY_US
    return dump_register(register)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uname = member.gname = ""
    member.uid = member.gid = 0
    return None if member.name.endswith("server.log") else member


def main(folder: Path) -> None:
    """Make the folder."""
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as name:
        offices = london.appoint()
        charter = london.charter_document(offices, BEGINS_US)
        charter["limits"]["figures_every"] = "PT5S"
        envelope = london.signed(charter, offices, charter["signatures"][0]["offices"])
        running = Running(Path(name), offices, BEGINS_US)
        deployment = Deployment(running.folder)
        signer = note_signer(deployment.lay(TEMPLATE.encode()), london.ORIGIN)
        Ledger.create(deployment.log, signer, london.ORIGIN).close()
        register = asyncio.run(_live(running, envelope))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "register.json").write_bytes(register)
        with tarfile.open(folder / "gateway.tar.xz", "w:xz") as archive:
            archive.add(running.folder, "gateway", filter=_kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
