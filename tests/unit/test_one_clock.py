"""There is one clock: nothing of the gateway reads the machine's time but by it."""

from __future__ import annotations

import ast
from pathlib import Path

import wicketgate

TREE = Path(wicketgate.__file__).parent
READS_THE_WALL = {
    ("time", "time"),
    ("time", "sleep"),  # it fails on a machine whose clock is faked, as tests/system/test_clocks.py fakes it
    ("time", "time_ns"),
    ("time", "localtime"),
    ("time", "gmtime"),
    ("time", "ctime"),
    ("time", "strftime"),
    ("time", "clock_gettime"),
    ("time", "clock_gettime_ns"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("os", "utime"),
}
BY_THE_FILE = {"st_mtime", "st_ctime", "st_atime", "st_mtime_ns", "st_ctime_ns", "st_atime_ns"}
"""Times of files are the machine's clock's too."""
ALLOWED = {
    "base/clock.py": {"time.time_ns"},
    "base/steady.py": {"time.time_ns", "time.clock_gettime_ns"},
    "base/streams/lease.py": {
        "time.clock_gettime",
        "time.sleep",
    },  # the seconds since the boot, for a lease alone
    "cli/dropping.py": {
        "st_mtime_ns",
        "time.sleep",
    },  # which picture came first, on the machine of whoever sends it
    "gateway/backup/files.py": {"st_mtime_ns"},  # whether a file is the same as before, and for nothing else
    "gateway/standby/waiting.py": {
        "SystemClock"
    },  # whether it agrees with the one that leads, and for nothing else
    "gateway/upgrading.py": {
        "SystemClock"
    },  # for the entry `upgraded`, as `machine`: the gateway's own stands still
}
OTHERS_MACHINES = ("clients/", "cli/")
"""Programs of officers, recipients and whoever verifies: they have a machine of their own, and ask `SystemClock`."""


def asked(tree: ast.AST) -> set[str]:
    """Return what a module asks for the time."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and (node.value.id, node.attr) in READS_THE_WALL:
                found.add(f"{node.value.id}.{node.attr}")
            if node.attr in BY_THE_FILE:
                found.add(node.attr)
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found |= {f"from time import {name.name}" for name in node.names}
        if isinstance(node, ast.Name) and node.id == "SystemClock":
            found.add("SystemClock")
    return found


def test_nothing_else_reads_the_machines_clock() -> None:
    for path in sorted(TREE.rglob("*.py")):
        name = path.relative_to(TREE).as_posix()
        allowed = ALLOWED.get(name, set()) | (
            {"SystemClock", "time.sleep"} if name.startswith(OTHERS_MACHINES) else set()
        )
        assert asked(ast.parse(path.read_text())) <= allowed, name


def test_the_test_sees_whoever_asks() -> None:
    seen = asked(
        ast.parse(
            "import time, datetime\nfrom time import time_ns\nfrom datetime import datetime\n"
            "time.time(); datetime.now(); path.stat().st_mtime; SystemClock()"
        )
    )
    assert seen == {"time.time", "from time import time_ns", "datetime.now", "st_mtime", "SystemClock"}
