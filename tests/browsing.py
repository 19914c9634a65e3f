"""What the tests in a real browser share: which browser, how it is started, and what axe is asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NEEDS_BROWSER = [
    pytest.mark.usefixtures("startable_browser"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]
AXE_WIDTHS = [360, pytest.param(1280, marks=pytest.mark.slow)]
"""The narrow layout has all that the wide one has, and less room for it."""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""WCAG 2.2 AA."""

_START_S = 60
_MOST_SAID = 400


def browser_fault() -> str:
    """Start the browser's driver and the browser, and stop them; return why they do not start, or an empty text."""
    from playwright.sync_api import Error, sync_playwright

    if CHROMIUM is None:
        return "no browser: run tools/install_browser.sh as root (it installs the Debian package chromium)"
    # The driver is a program of its own. Where a shared library of it is missing, it says so here alone.
    try:
        driver = subprocess.run(
            [sys.executable, "-m", "playwright", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_S,
        )
    except subprocess.TimeoutExpired:
        return f"the browser's driver does not answer within {_START_S} s"
    if driver.returncode:
        return (
            f"the browser's driver does not start: {(driver.stderr or driver.stdout).strip()[-_MOST_SAID:]}"
        )
    try:
        with sync_playwright() as playwright:
            playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS).close()
    except Error as error:
        return f"the browser does not start: {_said(error.message)}"
    return ""


def _said(message: str) -> str:
    """Return the line in which a message of the driver tells what the browser said, or its first."""
    lines = [line.strip(" -│║╔╗╚╝═") for line in message.splitlines() if line.strip()]
    return next((line for line in lines if "[err]" in line), lines[0] if lines else "")[:_MOST_SAID]
