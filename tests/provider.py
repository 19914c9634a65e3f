"""A real provider of OpenID Connect, for tests: npm's `oidc-provider`, locked by hash, on Node."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tests.needs import demand, unmet
from tests.objects import free_ports

HERE = Path(__file__).parent / "system/foreign/oidc"
CACHE = Path(sys.prefix) / "foreign"
SECRET = "an-invented-secret-of-the-client"
CLIENT = "wicketgate"
_NPM_S = 240
_START_S = 30


def installed() -> Path:
    """Return the folder of the packages of the lock, installed once beside the virtual environment."""
    demand("node", "npm")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / f"oidc-{hashlib.sha256(lock).hexdigest()[:16]}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            try:
                done = subprocess.run(
                    ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=_NPM_S,
                )
            except subprocess.TimeoutExpired:
                unmet(f"npm did not install the provider within {_NPM_S} s")
            if done.returncode:
                unmet(f"npm does not install the provider: {done.stderr.strip()[-300:]}")
            (folder / "done").touch()
    return folder


@dataclass
class Provider:
    """A running provider; `folder` has what it wrote."""

    port: int
    control: int
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _say(self, said: Mapping[str, Any]) -> dict[str, int]:
        body = json.dumps(said)  # in ASCII: a test may say what no text can hold
        answer = httpx.post(f"http://127.0.0.1:{self.control}/", content=body, timeout=10)
        counts: dict[str, int] = answer.json()
        return counts

    def turn_keys(self) -> None:
        """Sign with a new key from now on, and publish the old one no more."""
        self._say({"turn": True})

    def counts(self) -> dict[str, int]:
        """Return how often each path was asked for."""
        return self._say({})

    @contextmanager
    def fault(self, at: str, kind: str, **more: Any) -> Iterator[None]:
        """Let what it answers at `metadata`, `keys` or `token` be wrong for a while (server.mjs)."""
        self._say({"fault": {"at": at, "kind": kind, **more}})
        try:
            yield
        finally:
            self._say({"fault": {}})


@contextmanager
def provider(
    folder: Path, redirects: list[str], people: Mapping[str, Mapping[str, Any]]
) -> Iterator[Provider]:
    """Run a provider with one client and these people, by the name that they type."""
    packages = installed()
    shutil.copy(HERE / "server.mjs", packages)  # Node looks for packages beside the program
    port, control = free_ports(2)
    client = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": redirects}
    given = {"port": port, "control": control, "clients": [client], "people": people}
    with (folder / "provider.log").open("wb") as log:
        process = subprocess.Popen(
            ["node", "server.mjs", json.dumps(given)],
            cwd=packages,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == b"ready\n", (folder / "provider.log").read_text()[-2000:]
        yield Provider(port, control, folder, process)
    finally:
        process.kill()
        process.wait(_START_S)
        if process.stdout is not None:
            process.stdout.close()


class Browser:
    """What a browser does without showing it: follows redirects, keeps cookies by host, posts forms.

    Each comes from an address of its own on the loopback.
    """

    _made = itertools.count()

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}
        number = next(self._made)
        here = httpx.HTTPTransport(local_address=f"127.0.{1 + number // 250}.{1 + number % 250}")
        self._client = httpx.Client(timeout=40, transport=here)

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send one request and follow nothing."""
        jar = self.cookies.setdefault(urlsplit(url).netloc, {})
        headers = {
            "Accept": "text/html",
            "Host": urlsplit(url).netloc,
            "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
        }
        address = url.replace("//localhost:", "//127.0.0.1:", 1)
        answer = self._client.request(method, address, headers=headers, follow_redirects=False, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value and "max-age=0" not in line.lower() and "1970" not in line:
                jar[name] = value
            else:
                jar.pop(name, None)
        return answer

    def to_provider_and_back(self, url: str, who: str) -> str:
        """Begin at a page of the gateway, sign in at the provider as somebody; return where that sends us back to."""
        answer = self.request("GET", url)
        assert answer.status_code == 303, answer.text
        gate, here = urlsplit(url).netloc, url
        for _ in range(20):
            if answer.is_redirect:
                here = urljoin(here, answer.headers["location"])
                if urlsplit(here).netloc == gate:
                    return here
                answer = self.request("GET", here)
                continue
            assert answer.status_code == 200, answer.text
            action = re.search(r'action="([^"]+)"', answer.text)
            assert action is not None, answer.text
            prompt = "consent" if 'value="consent"' in answer.text else "login"
            form = {"prompt": prompt, **({"login": who, "password": "x"} if prompt == "login" else {})}
            here = urljoin(here, action[1])
            answer = self.request("POST", here, data=form)
        raise AssertionError("it never came back")

    def close(self) -> None:
        self._client.close()
