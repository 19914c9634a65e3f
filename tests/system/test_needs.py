"""A test skips with the reason where something that it needs is missing; it fails where nothing may be missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import browsing
from tests.needs import unmet

BY_BROWSER = "tests/system/test_pages_browser.py::test_the_first_tab_stop_skips_to_the_content"
BY_CURL = "tests/system/test_routes.py::test_a_token_counts_in_its_header_alone"


def tried(*tests: str, **environment: str) -> tuple[int, str]:
    """Run tests in a process of their own, with this environment besides; return the exit code and what was said."""
    words = [sys.executable, "-m", "pytest", "-rsE", "-p", "no:xdist", "-p", "no:cacheprovider", *tests]
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "WICKETGATE_MUST"}}
    done = subprocess.run(
        words,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def program(folder: Path, name: str, missing: str) -> Path:
    """Make a program that ends as the loader ends one whose library is missing."""
    words = f"error while loading shared libraries: {missing}: cannot open shared object file"
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{name}: {words}' >&2\nexit 127\n")
    path.chmod(0o755)
    return path


def test_what_is_missing_is_skipped_with_its_reason(tmp_path: Path) -> None:
    program(tmp_path, "chromium", "libnss3.so")
    node = program(tmp_path, "node", "libatomic.so.1")
    code, said = tried(BY_BROWSER, BY_CURL, PATH=f"{tmp_path}", PLAYWRIGHT_NODEJS_PATH=str(node))
    assert (code, "2 skipped" in said) == (0, True), said
    assert "no `curl`: install the Debian package curl" in said
    assert "the browser's driver does not start: " in said


def test_what_is_missing_fails_where_nothing_may_be(tmp_path: Path) -> None:
    code, said = tried(BY_BROWSER, BY_CURL, PATH=str(tmp_path), CI="true")
    assert (code, "2 errors" in said) == (1, True), said
    assert "no browser: run tools/install_browser.sh" in said


def test_a_driver_or_a_browser_that_lacks_a_library_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = program(tmp_path, "chromium", "libnss3.so")
    monkeypatch.setattr(browsing, "CHROMIUM", str(broken))
    fault = browsing.browser_fault()
    if fault.startswith("the browser's driver"):
        unmet(fault)
    assert fault.startswith("the browser does not start: ")
    assert "chromium: error while loading shared libraries: libnss3.so" in fault
    node = program(tmp_path, "node", "libatomic.so.1")
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", str(node))
    fault = browsing.browser_fault()
    assert fault.startswith("the browser's driver does not start: node: error while loading shared libraries")
    assert "libatomic.so.1" in fault
    node.unlink()
    assert "the browser's driver does not start: " in browsing.browser_fault()
