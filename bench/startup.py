"""How long a command takes that needs nothing: `--version`, `--help`, a misspelt name, beside `python -c pass`.

Each round starts every case once, in turn, so that whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROUNDS = 21

_WICKETGATE = str(Path(sys.executable).with_name("wicketgate"))
CASES: dict[str, tuple[str, ...]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "wicketgate --version": (_WICKETGATE, "--version"),
    "wicketgate --help": (_WICKETGATE, "--help"),
    "wicketgate vreify": (_WICKETGATE, "vreify"),
    "wicketgate verify x --feedfile f": (_WICKETGATE, "verify", "x", "--feedfile", "f"),
    "wicketgate verify --help": (_WICKETGATE, "verify", "--help"),
    "wicketgate demo --help": (_WICKETGATE, "demo", "--help"),
}


def _cpu_s() -> float:
    """Return the CPU time of the processes that were started and ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the medians of each case: time, CPU time, and how many times as long as `python -c pass` it takes."""
    taken_s: dict[str, list[float]] = {name: [] for name in CASES}
    cpu_s: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, words in CASES.items():
            began_s, before_s = time.perf_counter(), _cpu_s()
            subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            taken_s[name].append(time.perf_counter() - began_s)
            cpu_s[name].append(_cpu_s() - before_s)
    bare_s = statistics.median(taken_s["python -c pass"])
    return {
        "rounds": rounds,
        "cases": {
            name: {
                "ms": round(statistics.median(values) * 1000),
                "times": round(statistics.median(values) / bare_s, 1),
                "cpu_ms": round(statistics.median(cpu_s[name]) * 1000),
            }
            for name, values in taken_s.items()
        },
    }


def main() -> None:
    """Print the table."""
    result = run()
    print(f"medians of {result['rounds']} starts, in turn")
    for name, case in result["cases"].items():
        print(f"{name:<34}{case['ms']:>5} ms {case['times']:>6} times   CPU {case['cpu_ms']:>5} ms")
