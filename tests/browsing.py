"""What the tests in a real browser share: which browser, how it is started, and what axe is asked for."""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NEEDS_BROWSER = [
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no browser: run tools/install_browser.sh as root (it installs the Debian package chromium)",
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""WCAG 2.2 AA."""
