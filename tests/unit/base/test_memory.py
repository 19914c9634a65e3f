from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wicketgate.base import memory


def _own_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))


def test_memory_that_was_freed_is_given_back() -> None:
    held = [np.ones(4096, np.uint8) for _ in range(10_000)]
    before = _own_bytes()
    last = held.pop()  # it stands behind the others, and keeps the heap as long as it is
    held.clear()
    memory.give_back()
    assert _own_bytes() < before - 20_000_000
    assert last.all()


def test_nothing_happens_where_the_c_library_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_libc", object())
    memory.give_back()
