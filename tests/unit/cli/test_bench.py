from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.cli import bench
from wicketgate.cli.commands import find_command
from wicketgate.cli.parser import command_parser


def parse(*words: str) -> argparse.Namespace:
    return command_parser(find_command(words[0])).parse_args(words[1:])


def test_a_benchmark_is_found_from_anywhere_within_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for name in ("__init__", "harness"):
        (tmp_path / "bench" / f"{name}.py").touch()
    text = "\n\ndef run():\n    return {'a': 1}\n\n\ndef main():\n    print('a table')\n"
    (tmp_path / "bench" / "trivial.py").write_text(text)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        monkeypatch.delitem(sys.modules, name)
    args = parse("bench", "trivial", "--json")
    assert bench.run_bench(args) == 0
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    args = parse("bench", "trivial")
    assert bench.run_bench(args) == 0
    assert capsys.readouterr().out == "a table\n"
    for name in ("harness", "none", "../x", "x" * 99):
        args = parse("bench", name)
        with pytest.raises(ConfigurationError, match="choose from trivial"):
            bench.run_bench(args)
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        monkeypatch.delitem(sys.modules, name)


def test_a_benchmark_elsewhere_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wicketgate.__file__", str(tmp_path / "site-packages" / "wicketgate" / "__init__.py"))
    args = parse("bench", "gate")
    with pytest.raises(ConfigurationError, match="source tree"):
        bench.run_bench(args)
