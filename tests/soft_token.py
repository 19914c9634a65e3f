"""A token of SoftHSM: PKCS#11 as hardware has it, with the key in a folder of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.needs import unmet

NEEDS_TOKEN = pytest.mark.needs("softhsm2-util", "pkcs11-tool")
PIN = "271828"
_PLACES = ("softhsm", "x86_64-linux-gnu/softhsm", "aarch64-linux-gnu/softhsm")


@dataclass(frozen=True)
class SoftToken:
    """A token with one Ed25519 key."""

    module: Path
    label: str
    environment: dict[str, str]

    def address(self, *, label: str = "", **more: str) -> str:
        """Return the key as `--key` takes it."""
        parts = {"token": label or self.label, "object": "data-protection", **more}
        path = ";".join(f"{name}={quote(value)}" for name, value in parts.items())
        return f"pkcs11:{path}?module-path={self.module}"

    def tool(self, *words: str, pin: str = PIN) -> str:
        """Run OpenSC's tool on the token."""
        done = subprocess.run(
            [
                "pkcs11-tool",
                "--module",
                str(self.module),
                "--token-label",
                self.label,
                "-l",
                "--pin",
                pin,
                *words,
            ],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def soft_token(folder: Path, label: str = "An office's token") -> Iterator[SoftToken]:
    """Make a token, with the key that docs/officer.md has its reader make."""
    module = next(
        (path for place in _PLACES if (path := Path("/usr/lib") / place / "libsofthsm2.so").exists()),
        None,
    )
    if module is None:
        unmet("no libsofthsm2.so: install the Debian package softhsm2")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    environment = {"SOFTHSM2_CONF": str(settings)}
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "314159", "--pin", PIN],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    token = SoftToken(module, label, environment)
    token.tool("--keypairgen", "--key-type", "EC:edwards25519", "--label", "data-protection", "--id", "01")
    yield token
