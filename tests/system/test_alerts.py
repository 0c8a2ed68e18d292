"""`alert` beside a real gateway: a device falls, and is back, by mail and by web."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.checker.alerts.receivers import Inbox, Mailbox, mail_server, web_server
from tests.programs import run_program
from tests.system.accounts import own_install
from tests.system.harness import Gateway
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def settings(mail: Mailbox, web: Inbox) -> str:
    urls = [
        f"mailto://127.0.0.1:{mail.port}?from=gw@example.org&to=admin@example.org",
        f"json://127.0.0.1:{web.port}/in",
    ]
    numbers = {"down_after_s": 1, "up_after_s": 1, "group_s": 0}
    return "".join(f"{key} = {json.dumps(one)}\n" for key, one in {"send": urls, **numbers}.items())


def subjects(mail: Mailbox) -> list[str]:
    return [str(letter["Subject"]) for letter in mail.letters]


def checker(gateway: Gateway) -> list[str]:
    """The words of a command here: only this interpreter has the library."""
    return [*own_install().words, "--home", str(gateway.home)]


def test_a_fallen_device_is_told_once_by_each_way_and_so_is_its_return(
    own_gateway: Gateway, tmp_path: Path
) -> None:
    own_gateway.up()
    device = own_gateway.add(own_gateway.service().target, name="office")
    connection = own_gateway.connect(device)
    own_gateway.await_up(device)
    with ExitStack() as stack:
        mail, web = stack.enter_context(mail_server()), stack.enter_context(web_server())
        (own_gateway.home / "alerts.toml").write_text(settings(mail, web))
        tried = run_program([*checker(own_gateway), "alert", "--test"])
        assert tried.stdout == "mailto://127.0.0.1: sent\njson://127.0.0.1: sent\n", tried.stderr
        assert tried.returncode == 0

        log = stack.enter_context((tmp_path / "log").open("w+"))
        alert = subprocess.Popen([*checker(own_gateway), "alert"], stderr=log)
        stack.callback(end_one, alert)
        connection.close()
        until(lambda: len(mail.letters) > 1, "the mail about the fall")
        own_gateway.connect(device)
        until(lambda: len(mail.letters) > 2, "the mail about the return")
        web.wait_for(3)
        alert.terminate()

        assert alert.wait(120) == 0, (tmp_path / "log").read_text()
    titles = [subject.partition(": ")[2] for subject in subjects(mail)]
    assert titles == ["a test", "office is down", "office is up again"]
    assert [json.loads(body)["title"] for _, _, body in web.requests] == subjects(mail)
    assert "Traceback" not in (tmp_path / "log").read_text()
