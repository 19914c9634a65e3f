"""Every benchmark can be loaded, and is run by its command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_RUN = {"__init__", "harness", "history_beside", "history_where", "watched"}
"""What the benchmarks share, what one of them starts, and what one measures its steps by."""
NAMES = sorted(file.stem for file in (ROOT / "bench").glob("*.py") if file.stem not in NOT_RUN)
_LOAD = "import importlib, sys; [importlib.import_module(name).run for name in sys.argv[1:]]"


def test_every_benchmark_can_be_loaded_and_run_by_its_command() -> None:
    assert len(NAMES) > 10
    loaded = subprocess.run(
        [sys.executable, "-c", _LOAD, *(f"bench.{name}" for name in NAMES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr[-2000:]


@pytest.mark.parametrize("name", NAMES)
def test_results_say_what_became_of_it(name: str) -> None:
    assert f"bench {name}" in (ROOT / "bench/RESULTS.md").read_text(), f"no result of `bench {name}`"
