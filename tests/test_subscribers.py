"""Subscribers from the command line to the mail that arrives, with the real daemon."""

import json

import pytest

from ecertmail.core import mime
from ecertmail.message import SignedMessage
from tests.builders import batch_mail, certificates_xml
from tests.installation import Installation, Sink

POST = ("subscriber", "add", "post", "--address", "post@customs.example", "--importing", "CN")


def subject(mail: bytes) -> str:
    message = mime.read(mail)
    assert isinstance(message, SignedMessage)
    return message.subject


def state(installation: Installation, name: str) -> str:
    shown = installation.cli("subscriber", "show", name, "--json")
    assert shown.exit_code == 0, shown.output
    return str(json.loads(shown.output)["state"])


def test_a_border_post_gets_each_certificate_at_once(daemon: Installation, sink: Sink) -> None:
    added = daemon.cli(*POST)
    assert added.exit_code == 0, added.output
    assert "active" in added.output
    daemon.send(batch_mail(certificates_xml("NZ-1", "NZ-2")))
    subjects = sorted(map(subject, sink.wait_for(3)))
    assert subjects == [
        "Accepted: 2 of 2 certificates", "Export certificate NZ-1: issued", "Export certificate NZ-2: issued",
    ]  # fmt: skip


def test_a_stranger_waits_until_the_operator_approves(daemon: Installation, sink: Sink) -> None:
    added = daemon.cli("subscriber", "add", "broker", "--address", "me@broker.example")
    assert "PENDING" in added.output
    daemon.send(batch_mail(certificates_xml("NZ-1")))
    sink.wait_for(1)
    assert state(daemon, "broker") == "pending"
    assert daemon.cli("subscriber", "approve", "broker").exit_code == 0
    assert subject(sink.wait_for(2)[1]) == "Export certificate NZ-1: issued"


def test_pause_resume_and_remove(daemon: Installation) -> None:
    assert daemon.cli(*POST).exit_code == 0
    for word, expected in (("pause", "paused"), ("resume", "active"), ("remove", "removed")):
        assert daemon.cli("subscriber", word, "post").exit_code == 0
        assert state(daemon, "post") == expected
    listed = json.loads(daemon.cli("subscriber", "list", "--json").output)
    everything = json.loads(daemon.cli("subscriber", "list", "--all", "--json").output)
    assert (len(listed), len(everything)) == (0, 1)
    assert daemon.cli("subscriber", "resume", "post").exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("x", "--address", "nonsense"), 78, "plain mail address"),
        (("Post 1", "--address", "post@customs.example"), 78, "lower-case letters"),
        (("x", "--address", "a@b.example", "--partner", "zz"), 4, "no partner has this ID"),
        (("x", "--address", "a@b.example", "--schedule", "daily"), 78, "is no schedule"),
        (("x", "--address", "a@b.example", "--schedule", "0 6 * * *", "--time-zone", "Mars"), 78, "is no time zone"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_added(
    china: Installation, arguments: tuple[str, ...], code: int, words: str
) -> None:
    refused = china.cli("subscriber", "add", *arguments)
    assert (refused.exit_code, words in refused.output) == (code, True), refused.output


def test_subscribers_are_managed_without_a_daemon_too(china: Installation) -> None:
    assert china.cli(*POST, "--digest", "--schedule", "0 6 * * *", "--time-zone", "Asia/Shanghai").exit_code == 0
    shown = china.cli("subscriber", "show", "post").output
    assert "0 6 * * * (Asia/Shanghai)" in shown
    assert "06:00" in shown
    assert china.cli(*POST).exit_code == 1
    assert china.cli("subscriber", "show", "nobody").exit_code == 4
