"""A read's columns are listed once: a new one is a line of the table, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path("src/wicketgate")
TABLE = "reads/columns.py"
BEHIND = "    key: Sequence[bytes] = "
COLUMN = """\
    speed: Sequence[str | None] = field(
        metadata=_said(float, "vehicle", lambda speed: "`speed` is out of range" if speed > 300 else None)
    )
"""

JOURNEY = '''
"""What becomes of a column that nothing but the table knows: from a post to READS, to a row, and back."""

import asyncio
import io
import json

import pyarrow as pa

import wicketgate
from wicketgate.reads import intake, keys, messages
from wicketgate.feeds.rendering import Rendering
from wicketgate.base.clock import parse_rfc3339
from wicketgate.reads.checks import check, ClockLimits
from wicketgate.reads.parse import ARROW, JSON, NDJSON, parse
from wicketgate.reads.columns import empty, decode_batch, joined, part, split_again
from wicketgate.reads.tracking import HeldSighting
from wicketgate.clients.verify import rows

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
READ = {"camera": "c0", "captured_at": "2026-07-08T11:59:59Z", "plate": "AB12CDE", "confidence": 0.5}
READS = [READ | {"speed": 43.5}, READ | {"speed": None}, READ | {"speed": 301.0}]


def posts():
    yield json.dumps(READS).encode(), JSON
    yield "\\n".join(map(json.dumps, READS)).encode(), NDJSON
    table, sink = pa.Table.from_pylist(READS), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    yield sink.getvalue(), ARROW


async def stored(taken, *held):
    group = intake._Group(asyncio.get_running_loop().create_future())
    rows = len(taken.reads)
    group.extend(taken, intake._New(range(rows), keys.ReadKeys(bytes(24 * rows))), "tfl", NOW_US)
    group.held = list(held)
    return messages.decode_reads(messages.encode_reads(intake._whole(group).message))


def shown(batch, field):
    rendering = Rendering(batch, [""])
    known = rendering.shown(frozenset({field}))
    reads = list(map(json.loads, rendering.reads(known)))
    assert list(map(json.loads, rendering.encoded(known).tolist())) == reads
    return reads


def answer(body, media_type):
    limits = ClockLimits(clock_ahead_us=0, too_old_us=10**9)
    taken = check(parse(body, media_type), source="tfl", cameras={"c0": 0}.get, limits=limits, now_us=NOW_US)
    observed = {"source": "tfl", "camera_id": "c0", "tracked": "7", "first_us": 1, "received_us": 2}
    held = HeldSighting(**observed, **taken.reads.row(0) | {"marks": ()})
    message = asyncio.run(stored(taken, held))
    batch = decode_batch(message.rows)
    ((batch, _),) = split_again(joined([empty(), part(batch, 0, 1), part(batch, 1, 2)]))
    group = intake._Group(None)
    group.extend_again(part(batch, 0, 1), keys.ReadKeys(bytes(24)), (0, 0))
    return {
        "refused": [(index, read.code, read.detail) for index, read in taken.quarantined],
        "stored": batch.speed,
        "held": message.held[0].speed,
        "again": group.reads.batch().speed,
        "conflict": json.loads(intake.Intake._conflict("tfl", "c0", taken, 0, NOW_US).read)["speed"],
        "shown": shown(batch, "vehicle"),
        "hidden": shown(batch, "time"),
    }


print(json.dumps([wicketgate.__file__, rows._MEMBERS["speed"], *(answer(*post) for post in posts())]))
'''


def test_a_column_more_is_a_line_of_the_table(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "wicketgate", ignore=shutil.ignore_patterns("__pycache__"))
    table = tmp_path / "wicketgate" / TABLE
    before, key, after = table.read_text().partition(BEHIND)
    assert key
    table.write_text(before + COLUMN + key + after)
    said = subprocess.run(
        [sys.executable, "-c", JOURNEY],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    package, field, *answers = json.loads(said.stdout)
    assert Path(package).is_relative_to(tmp_path)
    assert field == "vehicle"
    time = {"captured_at": "2026-07-08T11:59:59Z"}
    for answer in answers:
        assert answer == {
            "refused": [[2, "malformed", "`speed` is out of range"]],
            "stored": ["43.5", None],
            "held": "43.5",
            "again": ["43.5"],
            "conflict": 43.5,
            "shown": [{"speed": 43.5}, {}],
            "hidden": [time, time],
        }
    assert len(answers) == 3
