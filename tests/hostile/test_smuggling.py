"""One message is one message: nothing inside it can end it early, and nobody's mail goes on to elsewhere.

Each connection is spoken to octet by octet. What must not happen is that the listener sees a second mail where the
server before it saw one (SMTP smuggling), or that it takes mail for another domain.
"""

import ssl
from collections.abc import Iterator

import pytest

from ecertmail.store.spool import SpoolReader
from tests.builders import CHINA, NZ_ADDRESS
from tests.hostile.daemon import Wire, needs, row, running, takes_a_good_mail, total
from tests.installation import Installation, Sink
from tests.test_tls import make_certificate

Running = tuple[Installation, Sink]

SECOND = (
    f"MAIL FROM:<{NZ_ADDRESS}>\r\nRCPT TO:<{CHINA.address}>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond\r\n".encode()
)
FIRST = b"From: a@b.example\r\nSubject: first\r\n\r\nfirst"


@pytest.fixture(scope="module")
def fired_at(template: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(template, tmp_path_factory.mktemp("smuggling") / "cn") as pair:
        yield pair


def stored(node: Installation, answer: str) -> bytes:
    reader = SpoolReader(node.folder / "spool/spool.db")
    octets = reader.get(row(node, answer).id)[1]
    reader.close()
    return octets


BARE = {
    "LF . LF": b"\n.\n",
    "CR LF . LF": b"\r\n.\n",
    "LF . CR LF": b"\n.\r\n",
    "CR . CR": b"\r.\r",
    "CR LF . CR": b"\r\n.\r",
    "CR . CR LF": b"\r.\r\n",
    "CR LF NUL . CR LF": b"\r\n\x00.\r\n",
    "CR LF . NUL CR LF": b"\r\n.\x00\r\n",
    "CR CR LF . CR CR LF": b"\r\r\n.\r\r\n",
    "LF . . LF": b"\n..\n",
    "LF CR . LF CR": b"\n\r.\n\r",
    "CR LF LF . LF": b"\r\n\n.\n",
}
KEPT = {
    "a stuffed dot": (b"\r\n..\r\n", b"\r\n.\r\n"),
    "a dot and a space": (b"\r\n. \r\n", b"\r\n \r\n"),
    "a dot and a tab": (b"\r\n.\t\r\n", b"\r\n\t\r\n"),
    "a dot of another alphabet": ("\r\n\uff0e\r\n".encode(), "\r\n\uff0e\r\n".encode()),
    "a vertical tab": (b"\r\n\x0b.\r\n", b"\r\n\x0b.\r\n"),
    "NEXT LINE of Latin-1": (b"\x85.\x85", b"\x85.\x85"),
    "three dots": (b"\r\n...\r\n", b"\r\n..\r\n"),
}


@pytest.mark.parametrize("end", BARE.values(), ids=BARE.keys())
def test_a_false_end_of_data_is_refused_and_what_follows_is_not_a_mail(fired_at: Running, end: bytes) -> None:
    node, _ = fired_at
    before = total(node)
    with Wire(node.port) as wire:
        wire.start_mail()
        wire.send(FIRST + end + SECOND + b".\r\n")
        assert wire.answer() == "550 5.6.0 Bare CR, LF or NUL octets are not accepted"
        assert wire.ask(b"NOOP").startswith("250"), "there was one answer and no more"
    assert total(node) == before


@pytest.mark.parametrize(("sent", "kept"), KEPT.values(), ids=KEPT.keys())
def test_what_only_looks_like_an_end_of_data_is_content(fired_at: Running, sent: bytes, kept: bytes) -> None:
    node, _ = fired_at
    with Wire(node.port) as wire:
        wire.start_mail()
        wire.send(FIRST + sent + SECOND + b".\r\n")
        answer = wire.answer()
        assert wire.ask(b"NOOP").startswith("250")
    assert stored(node, answer) == FIRST + kept + SECOND


def test_the_end_of_data_is_found_wherever_the_network_cuts_it(fired_at: Running) -> None:
    node, _ = fired_at
    with Wire(node.port) as wire:
        wire.start_mail()
        for octet in FIRST + b"\r\n.\r\n":
            wire.send(bytes([octet]))
        assert stored(node, wire.answer()) == FIRST + b"\r\n"


def test_a_line_that_is_too_long_does_not_make_its_last_dot_an_end(fired_at: Running) -> None:
    """The reader gives up on a line at its limit; what comes after must still count as the same line."""
    node, _ = fired_at
    before = total(node)
    with Wire(node.port) as wire:
        for length in (998, 999, 1000, 1001, 1002, 2001, 2002, 4004, 65_536):
            wire.start_mail()
            wire.send(b"x" * length + b".\r\n" + SECOND + b".\r\n")
            answer = wire.answer()
            assert answer[:3] == ("250" if length < 999 else "500"), length
            assert wire.ask(b"RSET").startswith("250")
    assert total(node) == before + 1


def test_two_mails_that_were_pipelined_are_two_and_neither_is_in_the_other(fired_at: Running) -> None:
    node, _ = fired_at
    with Wire(node.port) as wire:
        assert wire.ask(b"EHLO client.example").startswith("250")
        wire.send(SECOND + b".\r\n" + SECOND.replace(b"second", b"third") + b".\r\n")
        answers = [wire.answer() for _ in range(8)]
    assert [answer[:3] for answer in answers] == ["250", "250", "354", "250"] * 2
    assert stored(node, answers[3]) == b"Subject: smuggled\r\n\r\nsecond\r\n"
    assert stored(node, answers[7]) == b"Subject: smuggled\r\n\r\nthird\r\n"


def test_what_a_refused_mail_contained_is_never_a_command(fired_at: Running) -> None:
    """Its sender did not wait for 354: without a recipient, its lines arrive as commands, and none may be a mail."""
    node, _ = fired_at
    before = total(node)
    with Wire(node.port) as wire:
        assert wire.ask(b"EHLO client.example").startswith("250")
        wire.send(
            b"MAIL FROM:<a@b.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n"
        )
        answers = [wire.answer() for _ in range(7)]
    assert answers[0].startswith("250")
    assert {answer[0] for answer in answers[1:]} == {"5"}
    assert total(node) == before


@pytest.mark.parametrize(
    "command", [b"BDAT 5 LAST", b"BDAT 0 LAST", b"BDAT 99999999999", b"BURL x", b"TURN", b"ETRN x"]
)
def test_other_ways_to_hand_over_a_mail_are_neither_offered_nor_taken(fired_at: Running, command: bytes) -> None:
    node, _ = fired_at
    before = total(node)
    with Wire(node.port) as wire:
        wire.send(b"EHLO client.example\r\n")
        offered = wire.lines()
        assert "250-SIZE 25000000" in offered
        assert not any(word in line for word in ("CHUNKING", "BURL", "ETRN", "AUTH", "BINARYMIME") for line in offered)
        assert wire.ask(b"MAIL FROM:<a@b.example>").startswith("250")
        assert wire.ask(f"RCPT TO:<{CHINA.address}>".encode()).startswith("250")
        assert wire.ask(command)[0] == "5"
    assert total(node) == before


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\x00", b"\n.\n"])
def test_a_command_does_not_end_at_half_a_line_end(fired_at: Running, end: bytes) -> None:
    """One line is one answer: a proxy before us must not see another number of commands than we do."""
    node, _ = fired_at
    with Wire(node.port) as wire:
        assert wire.ask(b"EHLO client.example").startswith("250")
        first = wire.ask(b"RSET" + end + b"MAIL FROM:<a@b.example>")
        assert first[0] == "5", first
        assert wire.ask(f"RCPT TO:<{CHINA.address}>".encode())[:3] in {"503", ""}, "no transaction, or hung up"


def test_what_was_said_before_tls_counts_for_nothing_after_it(
    template: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """CVE-2021-33515 and its like: commands that an attacker put behind STARTTLS in the same packet."""
    needs("openssl")
    folder = tmp_path_factory.mktemp("injection")
    certificate, key = make_certificate(folder / "tls", "first")
    with running(template, folder / "cn", certificate=f'"{certificate}"', private_key=f'"{key}"') as (node, sink):
        with Wire(node.port) as wire:
            assert wire.ask(b"EHLO client.example").startswith("250")
            injected = f"MAIL FROM:<{NZ_ADDRESS}>\r\nRCPT TO:<{CHINA.address}>\r\n".encode()
            wire.send(b"STARTTLS\r\nEHLO injected\r\n" + injected)
            assert wire.answer().startswith("220")
            context = ssl.create_default_context(cafile=str(certificate))
            with context.wrap_socket(wire.socket, server_hostname="localhost") as inside:
                inside.sendall(b"DATA\r\nNOOP\r\n")
                answers = inside.recv(4096)
                while answers.count(b"\r\n") < 2:
                    answers += inside.recv(4096)
            assert [line[:3] for line in answers.splitlines()] == [b"503", b"250"]
        takes_a_good_mail(node, sink, "after-tls")


HERE, THERE = CHINA.address.partition("@")[2], "elsewhere.example"
PROBES = {  # what nmap's smtp-open-relay tries, as RFC 821, UUCP and sendmail would have read it
    "from nobody": ("", f"relay@{THERE}"),
    "from elsewhere": (f"spam@{THERE}", f"relay@{THERE}"),
    "from here": (f"spam@{HERE}", f"relay@{THERE}"),
    "from our own mailbox": (CHINA.address, f"relay@{THERE}"),
    "from an address literal": ("spam@[127.0.0.1]", f"relay@{THERE}"),
    "percent hack": (f"spam@{HERE}", f"relay%{THERE}@{HERE}"),
    "percent hack and literal": (f"spam@{HERE}", f"relay%{THERE}@[127.0.0.1]"),
    "quoted": (f"spam@{HERE}", f'"relay@{THERE}"'),
    "quoted percent hack": (f"spam@{HERE}", f'"relay%{THERE}"'),
    "two at signs and literal": (f"spam@{HERE}", f"relay@{THERE}@[127.0.0.1]"),
    "quoted and literal": (f"spam@{HERE}", f'"relay@{THERE}"@[127.0.0.1]'),
    "two at signs": (f"spam@{HERE}", f"relay@{THERE}@{HERE}"),
    "source route over us": (f"spam@{HERE}", f"@{HERE}:relay@{THERE}"),
    "source route over a literal": (f"spam@{HERE}", f"@[127.0.0.1]:relay@{THERE}"),
    "bang path": (f"spam@{HERE}", f"{THERE}!relay"),
    "bang path here": (f"spam@{HERE}", f"{THERE}!relay@{HERE}"),
    "our mailbox as a prefix": (f"spam@{HERE}", f"{CHINA.address}.{THERE}"),
    "our mailbox as a suffix": (f"spam@{HERE}", f"x{CHINA.address}"),
    "our mailbox and a NUL": (f"spam@{HERE}", f"{CHINA.address}\0@{THERE}"),
    "two paths": (f"spam@{HERE}", f"{CHINA.address}> <relay@{THERE}"),
    "an empty path": (f"spam@{HERE}", ""),
}


@pytest.mark.parametrize(("sender", "recipient"), PROBES.values(), ids=PROBES.keys())
def test_mail_for_elsewhere_is_refused_at_rcpt(fired_at: Running, sender: str, recipient: str) -> None:
    node, _ = fired_at
    with Wire(node.port) as wire:
        assert wire.ask(b"EHLO client.example").startswith("250")
        wire.ask(f"MAIL FROM:<{sender}>".encode())
        answer = wire.ask(f"RCPT TO:<{recipient}>".encode())
        assert answer[0] == "5", answer
        assert wire.ask(b"DATA")[0] == "5"


def test_after_all_this_nothing_has_left_and_a_good_mail_is_answered(fired_at: Running) -> None:
    node, sink = fired_at
    assert sink.mails == []
    takes_a_good_mail(node, sink, "after-smuggling")
