"""Runs the tests; `make test` and `make test-all` call it.

    python tools/run_tests.py [--coverage] [arguments of pytest …]

Installs first what some tests need beside Python's packages, where that can be done: commands, a browser, and a
verifier of the log that others wrote. Where it cannot, those tests skip, and the reasons are listed at the end; with
`CI=true` or `WICKETGATE_MUST` set they fail. Processes that the tests start are measured too; measuring doubles the
time, so that `make test` goes without. Exits with pytest's code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_INSTALL = ("install_commands.sh", "install_browser.sh", "install_foreign_verifier.sh")
_INSTALL_S = 240
_RUN = (sys.executable, "-m", "coverage")


def install() -> None:
    """Install what can be installed; never fails, and never asks."""
    for name in _INSTALL:
        script = ROOT / "tools" / name
        shell = "bash" if script.read_text().startswith("#!/usr/bin/env bash") else "sh"
        try:
            done = subprocess.run(
                [shell, str(script)], cwd=ROOT, stdin=subprocess.DEVNULL, timeout=_INSTALL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"tools/{name}: {type(error).__name__}; the tests that need it skip", flush=True)
        else:
            if done.returncode:
                print(f"tools/{name}: exit code {done.returncode}; the tests that need it skip", flush=True)


def measured(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment in which every Python process that the tests start is measured too."""
    # coverage puts a .pth file beside itself that looks for this variable at the start of each interpreter.
    return {**environment, "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml")}


def main(arguments: list[str]) -> int:
    """Run; return pytest's exit code."""
    os.chdir(ROOT)
    install()
    arguments = ["-rs", *arguments]
    if "--coverage" not in arguments:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], stdin=subprocess.DEVNULL, check=False
        ).returncode
    arguments.remove("--coverage")
    for old in ROOT.glob(".coverage*"):
        if old.is_file():
            old.unlink()
    tests = subprocess.run(
        [*_RUN, "run", "-m", "pytest", *arguments],
        env=measured(dict(os.environ)),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    subprocess.run([*_RUN, "combine", "--quiet"], stdin=subprocess.DEVNULL, check=False)
    report = subprocess.run(
        [*_RUN, "report", "--format=total"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    total = report.stdout.strip()
    print(
        f"coverage of src/wicketgate: {total} %" if total.isdigit() else "coverage: nothing was measured",
        flush=True,
    )
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
