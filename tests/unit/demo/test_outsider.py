"""One process that verifies beside each feed as the command does beside one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from wicketgate_demo.run.outsider import verify_beside


def test_each_feed_has_a_report_of_its_own_and_the_worst_code_counts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    feeds = [tmp_path / "a.ndjson", tmp_path / "b.ndjson"]
    reports = [tmp_path / "a.json", tmp_path / "b.json"]
    reports[0].write_text("of the run before, and longer than what takes its place" * 100)
    for feed in feeds:
        feed.write_bytes(b"")
    pairs = zip(reports, feeds, strict=True)
    assert verify_beside(pairs, [str(tmp_path), "--state", str(tmp_path / "state"), "--json"]) != 0
    for report in reports:
        assert json.loads(report.read_bytes())["ok"] is False
    assert stat.S_IMODE(reports[1].stat().st_mode) == 0o600
    assert capfd.readouterr().out == ""
