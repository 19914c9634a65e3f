"""What tests need beside Python's packages: where it is missing they skip and say why, or fail where nothing may."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Final, NoReturn

import pytest

MUST: Final = os.environ.get("CI", "").lower() in {"1", "true"} or "WICKETGATE_MUST" in os.environ
"""Whether what is missing fails a test: on a machine that is known to have everything, nothing may skip in silence."""
PACKAGES: Final[Mapping[str, str]] = {
    "go": "golang-go",
    "pkcs11-tool": "opensc",
    "softhsm2-util": "softhsm2",
    "systemd-analyze": "systemd",
}
"""The Debian package of a command, where the names differ."""


def unmet(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if MUST:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def demand(*commands: str) -> None:
    """Skip or fail the test unless these commands are there; the mark `needs` calls it."""
    for command in commands:
        if shutil.which(command) is None:
            unmet(f"no `{command}`: install the Debian package {PACKAGES.get(command, command)}")
