"""Officials and a real daemon: they look up, decide and ask by plain mail, and whoever issued hears of it."""

import json
import re
import signal
import smtplib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ecertmail.conversation import Message, Turn, Utterance
from ecertmail.core import acknowledgement, inquiry_document, mime
from ecertmail.core.node_mail import Head
from ecertmail.message import SignedMessage
from ecertmail.official import Decision, Response
from ecertmail.parties import Assurance, Authority
from ecertmail.store.audit import faults
from tests.builders import CHINA, NOW, NZ_ADDRESS, batch_mail, certificates_xml, key_of, partner
from tests.dovecot import PASSWORD, Account
from tests.installation import Installation, Sink, until
from tests.test_mailbox_node import add_mailbox

WANG = "wang@customs.example"
ABOVE = "On Tue, 24 Nov 2026 at 10:11, China Customs <ecert@customs.example> wrote:"
_serials = count(1)


def text_of(mail: EmailMessage) -> str:
    return str(next(part for part in mail.walk() if part.get_content_type() == "text/plain").get_content())


def plain(sender: str, recipient: str, subject: str, text: str, **more: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, subject
    mail["Message-ID"] = f"<{next(_serials)}@{sender.partition('@')[2]}>"
    for name, value in more.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes(policy=policy.SMTP)


@dataclass
class Official:
    """Wang, who has nothing but a mail client; what is read is not read again."""

    node: Installation
    sink: Sink
    read: int = 0

    def letters(self) -> list[EmailMessage]:
        return to(self.sink, WANG)

    def next_letter(self) -> EmailMessage:
        found = until(lambda: self.letters()[self.read :])[0]
        self.read += 1
        return found

    def send(self, recipient: str, subject: str, text: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.node.port, timeout=30) as smtp:
            assert smtp.sendmail(WANG, [recipient], plain(WANG, recipient, subject, text)) == {}

    def reply(self, letter: EmailMessage, text: str) -> None:
        quoted = "".join(f"> {line}\n" for line in text_of(letter).splitlines())
        self.send(str(letter["Reply-To"]), f"Re: {letter['Subject']}", f"{text}\n\n{ABOVE}\n{quoted}")


def to(sink: Sink, address: str) -> list[EmailMessage]:
    mails = [message_from_bytes(octets, policy=policy.default) for octets in sink.mails]
    return [mail for mail in mails if isinstance(mail, EmailMessage) and mail["To"] == address]


def told(sink: Sink) -> list[Response]:
    """What New Zealand was told in acknowledgements, each once."""
    found = {}
    for octets in sink.mails:
        message = mime.read(octets)
        leaves = mime.attachments(message.signed_octets) if isinstance(message, SignedMessage) else ()
        for leaf in leaves if isinstance(leaves, tuple) else ():
            if leaf.filename == acknowledgement.FILE:
                responses = acknowledgement.read(etree.fromstring(leaf.data))
                assert isinstance(responses, tuple)
                [one] = responses
                found[str(message_from_bytes(octets)["Message-ID"])] = one
    return list(found.values())


def heard(sink: Sink) -> list[tuple[str, Decision]]:
    return [(one.number, one.decision) for one in told(sink)]


def query(node: Installation, *arguments: str) -> Any:
    result = node.cli(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def begin(node: Installation, sink: Sink, *numbers: str) -> None:
    """New Zealand's certificates are here, and Wang is an official."""
    assert node.cli("official", "add", "wang", "--address", WANG, "--name", "Wang Wei").exit_code == 0
    node.send(batch_mail(certificates_xml(*numbers)))
    sink.wait_for(1)


@pytest.fixture
def wang(daemon: Installation, sink: Sink) -> Official:
    begin(daemon, sink, "NZ/1", "NZ/2", "NZ/3")
    return Official(daemon, sink)


def test_an_official_looks_up_passes_refuses_and_asks(daemon: Installation, sink: Sink, wang: Official) -> None:
    for number, words, decision in (
        ("NZ/1", "PASS", "PASS"),
        ("NZ/2", "拒绝 封条破损", "REFUSE"),
        ("NZ/3", "REQUEST why?", "REQUEST"),
    ):
        wang.send(CHINA.address, f"VERIFY {number}", "")
        letter = wang.next_letter()
        assert re.fullmatch(r"(.*<)?ecert\+d\d+\.[a-z2-7]{12}@customs\.example>?", str(letter["Reply-To"]))
        wang.reply(letter, words)
        assert decision in text_of(wang.next_letter()).upper()
        [found] = query(daemon, "lookup", number)
        assert found["decisions"][0]["official"] == "wang"
    until(lambda: len(told(sink)) == 3)
    assert heard(sink) == [("NZ/1", Decision.PASS), ("NZ/2", Decision.REFUSE), ("NZ/3", Decision.REQUEST)]
    assert told(sink)[1].remark == "封条破损"
    [asked] = query(daemon, "inquiry", "list")
    assert (asked["state"], asked["issuer"], asked["number"]) == ("open", "nz", "NZ/3")
    assert [one["id"] for one in query(daemon, "official", "list")] == ["wang"]
    assert daemon.cli("status").exit_code == 0
    assert daemon.cli("ledger", "verify").exit_code == 0
    assert "封条破损" not in daemon.log
    assert WANG not in re.sub(r"to=\S+", "", daemon.log), "but as the recipient of a delivery"


def answer(reference: str, number: str, text: str) -> bytes:
    """What the node of New Zealand sends when its duty officer answered."""
    said = Utterance(turn=Turn.RESPONSE, operator="Jane", at=NOW, content=text, assurance=Assurance.TOKEN)
    head = Head(
        authority=Authority(name="MPI", country="NZ", address=NZ_ADDRESS), partner=partner("cn", CHINA.address, "CN"),
        now=NOW, message_id=f"<answer-{next(_serials)}@mpi.example>",
    )  # fmt: skip
    draft = inquiry_document.draft(head, Message(reference=reference, number=number, utterance=said), "en")
    return draft.signed(key_of(NZ_ADDRESS).sign(draft.part))


def assert_taken(answered: str) -> None:
    assert answered.startswith("250 ")


@pytest.mark.slow
def test_whatever_dies_each_mail_counts_once(daemon: Installation, sink: Sink, wang: Official) -> None:
    """The daemon is killed as soon as it has taken a mail: look-up, decision, question, and the partner's answer."""
    steps: list[Callable[[], None]] = [
        lambda: wang.send(CHINA.address, "VERIFY NZ/1 NZ/2", ""),
        lambda: wang.reply(letter, "REFUSE NZ/1 broken seal"),
        lambda: wang.reply(letter, "REQUEST NZ/2 which seal?"),
        lambda: assert_taken(daemon.send(answer("Q1", "NZ/2", "The blue one."))),
    ]
    letter = EmailMessage()
    for place, step in enumerate(steps):
        step()
        daemon.stop(signal.SIGKILL)
        daemon.start()
        until(lambda: daemon.spooled("spooled", "claimed") == [])
        newest = wang.next_letter()
        letter = newest if place == 0 else letter
    assert "The blue one." in text_of(newest)
    until(lambda: set(daemon.ledger().counts("delivery")) == {"delivered"})
    assert sorted(heard(sink)) == [("NZ/1", Decision.REFUSE), ("NZ/2", Decision.REQUEST)]
    assert len({str(mail["Message-ID"]) for mail in wang.letters()}) == 4
    [asked] = query(daemon, "inquiry", "list")
    assert asked["state"] == "answered"
    assert list(faults(daemon.ledger())) == []


def test_a_policy_that_changes_counts_from_the_next_mail_on(daemon: Installation, sink: Sink, wang: Official) -> None:
    wang.send(CHINA.address, "VERIFY NZ/1", "")
    letter = wang.next_letter()
    daemon.set('# passes = "token"', '"signed"')
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "reload.done" in daemon.log)
    wang.reply(letter, "PASS")
    wang.next_letter()
    assert told(sink) == []
    wang.reply(letter, "REFUSE broken")
    wang.next_letter()
    until(lambda: heard(sink) == [("NZ/1", Decision.REFUSE)])


def test_a_broken_text_at_sighup_keeps_what_runs(daemon: Installation, sink: Sink, wang: Official) -> None:
    texts = daemon.folder / "texts/en"
    texts.mkdir(parents=True)
    (texts / "looked_up.txt").write_text("Hello {{ nobody }}", encoding="utf-8")
    daemon.set('# templates = ""', '"texts"')
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "reload.failed" in daemon.log)
    wang.send(CHINA.address, "VERIFY NZ/1", "")
    assert "NZ/1" in text_of(wang.next_letter())
    (texts / "looked_up.txt").write_text("Our own subject\n\nOur own text.", encoding="utf-8")
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "reload.done" in daemon.log)
    wang.send(CHINA.address, "VERIFY NZ/2", "")
    assert "Our own subject" in str(wang.next_letter()["Subject"])


# Through a mailbox


@pytest.fixture
def mailbox_node(china: Installation, account: Account) -> Installation:
    """China's installation, which reads a mailbox and listens nowhere."""
    china.set("# enabled = true", "false")
    china.port = 0
    secret = china.folder / "keys/mailbox-password"
    secret.write_text(PASSWORD + "\n", encoding="ascii")
    secret.chmod(0o600)
    add_mailbox(
        china, host="127.0.0.1", port=account.server.port, tls="starttls", ca_file=str(account.server.ca_file),
        username=account.user, password_file="keys/mailbox-password",
    )  # fmt: skip
    return china


def delivered(reply: bytes, *header: str) -> bytes:
    """What a provider's server writes on top."""
    return "".join(f"{line}\r\n" for line in header).encode() + reply


ARRIVES: dict[str, Callable[[str, str], bytes]] = {
    "to the address with the token": lambda token, word: delivered(
        plain(WANG, f"ecert+{token}@customs.example", "Re: hello", word), f"Return-Path: <{WANG}>"
    ),
    "with the token in Delivered-To only": lambda token, word: delivered(
        plain(WANG, "customs-list@customs.example", "Re: hello", word),
        f"Delivered-To: ecert+{token}@customs.example", f"Return-Path: <{WANG}>",
    ),
    "with the token in the subject only": lambda token, word: delivered(
        plain(WANG, CHINA.address, f"Re: hello [{token}]", word), f"Return-Path: <{WANG}>"
    ),
    "from a server that writes no Return-Path": lambda token, word: plain(
        WANG, f"Ecert+{token.upper()}@Customs.Example", "Re: hello", word
    ),
}  # fmt: skip
PASSED_OVER: dict[str, Callable[[str, str], bytes]] = {
    "a null path": lambda token, word: delivered(
        plain(WANG, f"ecert+{token}@customs.example", "Re: hello", word), "Return-Path: <>"
    ),
    "out of the office": lambda token, word: delivered(
        plain(WANG, f"ecert+{token}@customs.example", "Automatic reply", word, Auto_Submitted="auto-replied"),
        f"Return-Path: <{WANG}>",
    ),
    "somebody else": lambda token, word: delivered(
        plain("evil@x.example", f"ecert+{token}@customs.example", "Re: hello", word), f"Return-Path: <{WANG}>"
    ),
}


def wait_for(node: Installation, mails: int) -> None:
    until(lambda: len(node.spooled("archived", "quarantined")) == mails)


@pytest.mark.slow
def test_replies_that_a_provider_put_into_the_inbox_are_understood(
    mailbox_node: Installation, account: Account, sink: Sink
) -> None:
    node = mailbox_node
    assert node.cli("official", "add", "wang", "--address", WANG, "--name", "Wang Wei").exit_code == 0
    node.start()
    account.append(batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
    for number, (name, make) in enumerate({**ARRIVES, **PASSED_OVER}.items(), 1):
        account.append(delivered(plain(WANG, CHINA.address, "VERIFY NZ/1", f"{number}"), f"Return-Path: <{WANG}>"))
        letters = until(lambda: [one for one in to(sink, WANG) if one["Reply-To"]])
        token = str(letters[-1]["Reply-To"]).partition("+")[2].partition("@")[0]
        account.append(make(token, "REFUSE" if number % 2 else "PASS"))
        wait_for(node, 2 * number + 1)
        decided = len(query(node, "lookup", "NZ/1")[0]["decisions"])
        assert decided == min(number, len(ARRIVES)), name
    until(lambda: len(told(sink)) == len(ARRIVES))
    assert node.stop() == 0


# A ledger of the release before


def as_before(file: Path) -> None:
    """Take out of a ledger what migration m008 made, as the release before has left it."""
    with closing(sqlite3.connect(file)) as db, db:
        for table in ("utterance_file", "utterance", "inquiry", "miss", "decision", "ticket", "official"):
            db.execute(f"DROP TABLE {table}")
        db.execute("DELETE FROM _sqlite_migrations WHERE name='m008_officials'")


READING = (
    "status", "status --json", "official list", "official list --all", "inquiry list", "inquiry list --all",
    "lookup NZ/1", "lookup NZ/1 --json", "ledger verify", "ledger tail", "alarm list", "report",
)  # fmt: skip


def test_before_the_daemon_has_opened_an_older_ledger_it_can_be_looked_at(china: Installation, sink: Sink) -> None:
    china.start()
    china.send(batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
    china.stop()
    ledger = china.folder / "spool/ledger.db"
    as_before(ledger)
    for command in READING:
        looked = china.cli(*command.split())
        assert looked.exit_code == 0, (command, looked.output, looked.exception)
    assert china.cli("official", "show", "wang").exit_code == 4
    with closing(sqlite3.connect(ledger)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name='official'").fetchone() == (0,)
    china.start()
    assert china.cli("official", "add", "wang", "--address", WANG, "--name", "Wang Wei").exit_code == 0
    assert [one["id"] for one in query(china, "official", "list")] == ["wang"]
    assert china.cli("ledger", "verify").exit_code == 0
