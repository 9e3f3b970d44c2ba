"""The running daemon at mail servers that refuse: what waits, what is an alarm, and what mends it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import CHINA, NZ_ADDRESS, batch_mail, certificates_xml
from tests.installation import Installation, Sink, running_sink, until


class Provider(Sink):
    """A server that takes one envelope sender, and refuses recipients as told."""

    def __init__(self) -> None:
        super().__init__()
        self.login = CHINA.address
        self.refused = ""

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.login and address != self.login:
            return "553 Mail from must equal authorized user"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.refused:
            return self.refused
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def provider(china: Installation) -> Iterator[Provider]:
    """A provider that China's node sends to."""
    made = Provider()
    with running_sink(made) as (_, port):
        set_port(china, port)
        yield made


def set_port(node: Installation, port: int) -> None:
    text = node.file.read_text(encoding="utf-8")
    node.file.write_text(text.replace(f"\nport = {node.sink_port}\n", f"\nport = {port}\n"), encoding="utf-8")
    node.sink_port = port


def send_batches(node: Installation, count: int = 1) -> None:
    for number in range(count):
        answer = node.send(batch_mail(certificates_xml(f"NZ/{number}"), serial=str(number)))
        assert answer.startswith("250")


def alarms(node: Installation) -> list[str]:
    found: list[str] = json.loads(node.cli("status", "--json").stdout)["alarms"]
    return found


def deliveries(node: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(node.cli("delivery", "list", "--all", "--json").stdout)
    return found


def states(node: Installation) -> list[str]:
    return [one["state"] for one in deliveries(node)]


BOUNCE = """\
From: MAILER-DAEMON@provider.example
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; provider.example
Original-Envelope-Id: {envelope_id}

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user
--b--
"""


def test_a_provider_that_takes_only_the_login_as_envelope_sender(china: Installation, provider: Provider) -> None:
    china.start()
    send_batches(china)
    [alarm] = until(lambda: alarms(china))
    assert "553 Mail from must equal authorized user" in alarm
    assert "set [send] envelope_sender to the address that logs in" in alarm
    assert (states(china), provider.mails) == (["deferred"], [])
    china.stop()
    china.set('# envelope_sender = ""', f'"{CHINA.address}"')
    china.start()
    provider.wait_for(1)
    until(lambda: states(china) == ["delivered"])
    assert (provider.senders, alarms(china)) == ([CHINA.address], [])
    [sent] = deliveries(china)
    mail = BOUNCE.format(to=CHINA.address, envelope_id=sent["message_id"], recipient=NZ_ADDRESS)
    china.send(mail.replace("\n", "\r\n").encode(), sender="")
    until(lambda: states(china) == ["bounced"])
    [alarm] = alarms(china)
    assert alarm.startswith(f"delivery:1 receipt to nz ({NZ_ADDRESS}): bounced: 5.1.1 550 no such user")


def test_a_receipt_that_is_refused_for_good_is_an_alarm_until_it_is_sent(
    china: Installation, provider: Provider
) -> None:
    provider.login, provider.refused = "", "550 5.1.1 no such user"
    china.start()
    send_batches(china)
    [alarm] = until(lambda: alarms(china))
    assert alarm == (
        f"delivery:1 receipt to nz ({NZ_ADDRESS}): refused: 550 5.1.1 no such user;"
        " `ecertmail delivery retry 1` sends it again"
    )
    assert states(china) == ["failed"]
    provider.refused = ""
    assert china.cli("delivery", "retry", "1").exit_code == 0
    provider.wait_for(1)
    until(lambda: states(china) == ["delivered"])
    assert alarms(china) == []


def test_a_node_whose_mail_server_is_its_own_listener_says_so_and_loses_nothing(
    china: Installation, sink: Sink
) -> None:
    sink_port = china.sink_port
    set_port(china, china.port)
    china.start()
    send_batches(china)
    [alarm] = until(lambda: alarms(china))
    assert alarm.startswith("smarthost ")
    assert "lead to the listener of this node itself" in alarm
    assert (states(china), "smtp.relay-refused" in china.log) == (["deferred"], False)
    china.stop()
    text = china.file.read_text(encoding="utf-8")
    before, _, send = text.partition("[send]")
    send = send.replace(f"\nport = {china.port}\n", f"\nport = {sink_port}\n", 1)
    china.file.write_text(f"{before}[send]{send}", encoding="utf-8")
    china.start()
    sink.wait_for(1)
    until(lambda: states(china) == ["delivered"])
    assert alarms(china) == []


def test_receipts_beyond_the_limit_wait_and_status_says_until_when(china: Installation, sink: Sink) -> None:
    china.set("# replies_per_hour = 500", "2")
    china.start()
    send_batches(china, 5)
    until(lambda: len(deliveries(china)) == 5)
    sink.wait_for(2)
    until(lambda: states(china).count("delivered") == 2)
    assert states(china).count("due") == 3
    [delayed] = json.loads(china.cli("status", "--json").stdout)["delayed_answers"]
    last = max(one["next_at"] for one in deliveries(china))
    assert delayed == {"count": 3, "until": f"{last[:16]}+00:00"}
    assert "delayed answers" in china.cli("status").output
    assert alarms(china) == []
