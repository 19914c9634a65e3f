"""The command `officer` as a process, and what the tests in a browser and those of hostile pages do with it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.harness import WICKETGATE

PASSPHRASE = "a gate, a wicket"
_CSRF = re.compile(r'name="form_key" value="([^"]+)"')


@dataclass
class OfficerPage:
    """A page that runs, and its way in."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        port = urlsplit(self.address).port
        assert port is not None
        return port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], str]:
        """Send one request as it is given: no client adds anything but a length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            given = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def enter(self) -> tuple[str, dict[str, str], str]:
        """Go in by the way that is good once; return the base, the headers of a browser inside, and the form key."""
        status, headers, text = self.ask("GET", urlsplit(self.address).path)
        assert status == 200, text
        base = text.partition('content="0;url=')[2].partition('"')[0]
        cookie = {"Cookie": headers["set-cookie"].partition(";")[0]}
        found = _CSRF.search(self.ask("GET", base, headers=cookie)[2])
        assert found is not None
        return base, cookie, found[1]


@contextlib.contextmanager
def officer_page(*words: str | Path, environment: Mapping[str, str] | None = None) -> Iterator[OfficerPage]:
    """Run `wicketgate officer`, and end it."""
    process = subprocess.Popen(
        [*WICKETGATE, "officer", "--no-browser", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | dict(environment or {}),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield OfficerPage(process, line.split()[-1])
    finally:
        process.terminate()
        process.communicate(timeout=20)
