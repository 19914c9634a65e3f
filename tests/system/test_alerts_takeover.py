"""A second sequencer that takes over goes on sending: what waited is sent, and what was sent is not sent again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.cluster import clustered
from tests.objects import objects
from tests.running import bearer, issue, request, submit, until
from tests.system.test_alerts import Mails, Receiver, World, free_port
from tests.system.test_cluster import DESK, Pair


def _settings(port: int) -> str:
    return f"""
[alerts]
private = ["127.0.0.0/8"]
[alerts.mail]
host = "localhost"
port = {port}
tls = "none"
from = "wicketgate@gate.example"
[alerts.targets.desk-mail]
for = ["{DESK.reader}"]
mail = ["duty@met.example"]
"""


@pytest.mark.slow
def test_whoever_takes_over_sends_what_waited_and_nothing_again(tmp_path: Path) -> None:
    mails, port = Mails(), free_port()
    (tmp_path / "s3").mkdir()
    with clustered(tmp_path / "nats") as cluster, objects(tmp_path / "s3") as store:
        server = Controller(mails, hostname="localhost", port=port)
        server.start()
        pair = Pair(tmp_path, cluster, store, first='address = "http://gate.example"\n', more=_settings(port))
        try:
            issue(pair.leading, DESK.reader)
            submit(pair.leading, DESK.draft(pair.leading.at_us), *DESK.signers).raise_for_status()
            world = World(pair.leading, Receiver(), mails)
            world.list_plates("AB12CDE", "EF34GHJ", "KL56MNP")
            world.rules({"kinds": ["hit"], "targets": ["desk-mail"]})
            world.see("AB12CDE")
            assert until(lambda: len(mails.taken) == 1, 30)
            time.sleep(3)  # that it was sent is committed
            server.stop()
            world.see("EF34GHJ")
            shown = {"headers": bearer(pair.leading, DESK.reader)}
            url = f"{pair.leading.url}/v1/alerts"
            assert until(lambda: request("GET", url, **shown).json()["waiting"] == 1, 30)
            pair.await_ready(1 - pair.leads)
            pair.leading.kill()
            pair.taken_over()
            server = Controller(mails, hostname="localhost", port=port)
            server.start()
            after = World(pair.leading, Receiver(), mails)
            pair.leading.tokens = world.made.tokens
            after.see("KL56MNP")
            assert until(lambda: len(mails.taken) == 3, 90)
            time.sleep(5)
            assert len(mails.taken) == 3
            links = [mail.partition("http")[2].split()[0] for mail in mails.taken]
            assert len(set(links)) == 3, "each hit was told of once"
        finally:
            pair.stop()
            server.stop()
