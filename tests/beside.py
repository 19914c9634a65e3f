"""What goes on beside a flood: a source that posts, and the log's seconds."""

from __future__ import annotations

import http.client
import json
import threading
import time

from bench.harness import Running
from tests.running import SOURCE, plates, read

PAUSE_S = 0.02


class Source:
    """A source that posts a read, waits for the answer, pauses, and goes on."""

    def __init__(self, running: Running) -> None:
        self._connection = http.client.HTTPConnection(*running.address, timeout=60)
        self._headers = {
            "Authorization": f"Bearer {running.tokens[SOURCE]}",
            "Content-Type": "application/json",
        }
        self._plates = iter(plates(20_000, seed=909))

    def close(self) -> None:
        self._connection.close()

    def post(self, seconds: float) -> list[float]:
        """Return how long each post took."""
        took: list[float] = []
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            body = json.dumps(read(next(self._plates), "ccz-0002"))
            began_s = time.monotonic()
            self._connection.request("POST", "/v1/reads", body, self._headers)
            answer = self._connection.getresponse()
            assert json.loads(answer.read())["accepted"] == 1
            took.append(time.monotonic() - began_s)
            time.sleep(PAUSE_S)
        return took


class Seconds:
    """Watches the log's checkpoint on the disk: how long it stood still at most."""

    def __init__(self, running: Running) -> None:
        self._path = running.folder / "log" / "checkpoint"
        self.longest_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        known, since_s = b"", time.monotonic()
        while not self._stop.wait(0.05):
            found, now_s = self._path.read_bytes(), time.monotonic()
            self.longest_s = max(self.longest_s, now_s - since_s)
            if found != known:
                known, since_s = found, now_s

    def __enter__(self) -> Seconds:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def p99(took: list[float]) -> float:
    return sorted(took)[max(0, int(len(took) * 0.99) - 1)]
