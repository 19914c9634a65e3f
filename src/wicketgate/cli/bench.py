"""`wicketgate bench`: run a benchmark of the source tree."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import wicketgate
from wicketgate.base.errors import ConfigurationError, WicketgateError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bench`."""
    parser.add_argument("name", metavar="NAME", help="a module under bench/")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run="wicketgate.cli.bench:run_bench")


def run_bench(args: argparse.Namespace) -> int:
    """Run one benchmark, and print its table or JSON."""
    module = _bench(args.name)
    if args.json:
        print(json.dumps(module.run(), indent=2))
        return 0
    return int(module.main() or 0)


def _bench(name: str) -> ModuleType:
    """Return a module under bench/ of the source tree.

    The tree is that of the current directory, or that of this package.
    """
    for root in (Path.cwd(), *Path.cwd().parents, *Path(wicketgate.__file__).resolve().parents):
        if (root / "bench" / "harness.py").is_file() and (root / "pyproject.toml").is_file():
            break
    else:
        raise ConfigurationError("the benchmarks are in the source tree: run this inside a clone of it")
    names = sorted(p.stem for p in (root / "bench").glob("*.py") if "\ndef run(" in p.read_text())
    if not _NAME.fullmatch(name) or name not in names:
        raise ConfigurationError(f"there is no benchmark `{name[:40]}`: choose from {', '.join(names)}")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(f"bench.{name}")
    except ImportError as error:
        raise WicketgateError(f"`bench.{name}` cannot be loaded: {error}", code="configuration") from error
