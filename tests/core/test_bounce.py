"""What mail systems report: understood where it is about our mail, and no good mail is taken for a report."""

import json
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import printable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecertmail.core import bounce
from ecertmail.core.bounce import Kind, Report
from tests.builders import SHARED, batch_mail, certificates_xml
from tests.core.bounces import KINDS, NO_REPORTS, RECIPIENTS

OURS = "<batch-17@mpi.example>"
COPY = f"From: ecert@mpi.example\nTo: li@customs.example\nSubject: Certificates\nMessage-ID: {OURS}\n"
FROM_DAEMON = "From: Mail Delivery System <MAILER-DAEMON@mx.customs.example>\nSubject: Undelivered\n"


def crlf(text: str | bytes) -> bytes:
    octets = text.encode() if isinstance(text, str) else text
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def part(kind: str, body: str) -> str:
    return f"Content-Type: {kind}\n\n{body}"


def multipart(kind: str, *parts: str, head: str = FROM_DAEMON, close: str = "--=_b--\n") -> bytes:
    body = "".join(f"--=_b\n{each}\n" for each in parts)
    return crlf(f'{head}MIME-Version: 1.0\nContent-Type: {kind}; boundary="=_b"\n\n{body}{close}')


def dsn(status: str, returned: str = part("message/rfc822", COPY + "\nHello"), head: str = FROM_DAEMON) -> bytes:
    """A delivery status notification that says this, with what came back."""
    parts = (part("text/plain", "It did not arrive."), part("message/delivery-status", status), returned)
    return multipart("multipart/report; report-type=delivery-status", *parts, head=head)


def mdn(notification: str, head: str = "From: li@customs.example\nSubject: Read: Certificates\n") -> bytes:
    parts = (part("text/plain", "It was read."), part("message/disposition-notification", notification))
    return multipart("multipart/report; report-type=disposition-notification", *parts, head=head)


def prose(text: str, head: str = FROM_DAEMON) -> bytes:
    return crlf(f"{head}\n{text}")


def inner(octets: bytes) -> str:
    """A mail to be put into another one, with a boundary of its own."""
    return part("message/rfc822", octets.decode().replace("=_b", "=_i"))


def only(octets: bytes) -> Report:
    (report,) = bounce.read(octets)
    return report


def brief(octets: bytes) -> list[tuple[str, str]]:
    return [(report.recipient, report.kind.value) for report in bounce.read(octets)]


# Delivery status notifications, as different servers write them

POSTFIX = """Reporting-MTA: dns; mx.mpi.example
X-Postfix-Queue-ID: 4C0D51A2
X-Postfix-Sender: rfc822; ecert+b17.aaaaaaaaaaaa@mpi.example
Original-Envelope-Id: delivery-17
Arrival-Date: Mon,  6 Oct 2025 08:00:00 +0000 (UTC)

Final-Recipient: rfc822; li@mail.customs.example
Original-Recipient: rfc822;Li@customs.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.customs.example
Diagnostic-Code: smtp; 550 5.1.1 <li@mail.customs.example>: no mailbox of
    that name
"""
EXIM = """Reporting-MTA: dns; mx.mpi.example

Action: failed
Final-Recipient: rfc822;li@customs.example
Status: 5.0.0
Remote-MTA: dns; mail.customs.example
Diagnostic-Code: smtp; 550-5.1.1 no such user,
 550 5.1.1 see https://help.example/
"""
EXCHANGE = """Reporting-MTA: dns;EX01.customs.example
Received-From-MTA: dns;mx.mpi.example
Arrival-Date: Mon, 6 Oct 2025 08:00:00 +0000

Original-Recipient: rfc822;li@customs.example
Final-Recipient: rfc822;li@customs.example
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full; STOREDRV.Deliver
X-Display-Name: Li
"""
GMAIL = """Reporting-MTA: dns; googlemail.com
Received-From-MTA: dns; ecert@mpi.example
Arrival-Date: Mon, 06 Oct 2025 01:00:00 -0700 (PDT)
X-Original-Message-ID: <other@mpi.example>

Final-Recipient: rfc822; li@customs.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.customs.example. (192.0.2.25, the server for the domain customs.example.)
Diagnostic-Code: smtp; 550 5.1.1 unknown
Last-Attempt-Date: Mon, 06 Oct 2025 01:00:02 -0700 (PDT)
"""
SERVERS = {
    "Postfix": (POSTFIX, "5.1.1", "550 5.1.1 <li@mail.customs.example>: no mailbox of that name"),
    "Exim": (EXIM, "5.1.1", "550-5.1.1 no such user, 550 5.1.1 see https://help.example/"),
    "Exchange": (EXCHANGE, "5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver"),
    "Gmail": (GMAIL, "5.1.1", "550 5.1.1 unknown"),
}


@pytest.mark.parametrize(("status", "code", "diagnostic"), SERVERS.values(), ids=SERVERS.keys())
def test_the_report_of_each_server_names_recipient_mail_and_reason(status: str, code: str, diagnostic: str) -> None:
    report = only(dsn(status))
    assert (report.kind, report.recipient, report.hard) == (Kind.FAILED, "li@customs.example", True)
    assert (report.message_id, report.status, report.diagnostic) == (OURS, code, diagnostic)


def test_the_envelope_id_comes_back() -> None:
    assert only(dsn(POSTFIX)).envelope_id == "delivery-17"
    assert only(dsn(EXIM)).envelope_id == ""


def test_gmail_nests_its_text_and_its_picture() -> None:
    text = 'Content-Type: multipart/related; boundary="i"\n\n--i\nContent-Type: text/html\n\n<b>No</b>\n--i--\n'
    parts = (text, part("message/delivery-status", GMAIL), part("message/rfc822", COPY))
    octets = multipart("multipart/report; report-type=delivery-status", *parts)
    assert (only(octets).recipient, only(octets).message_id) == ("li@customs.example", OURS)


# What happened

ACTIONS = {
    "failed": (Kind.FAILED, True),
    "FAILED": (Kind.FAILED, True),
    "failed (no such user)": (Kind.FAILED, True),
    "failure": (Kind.FAILED, True),
    "error": (Kind.FAILED, True),
    "delayed": (Kind.DELAYED, False),
    "Delayed": (Kind.DELAYED, False),
    "delivered": (Kind.DELIVERED, False),
    "relayed": (Kind.RELAYED, False),
    "expanded": (Kind.EXPANDED, False),
    "pondered": (Kind.UNKNOWN, False),
    "": (Kind.UNKNOWN, False),
}


@pytest.mark.parametrize(("action", "expected"), ACTIONS.items())
def test_only_what_has_failed_is_a_failure(action: str, expected: tuple[Kind, bool]) -> None:
    """Delayed is not failed, and a mail that was passed on or expanded to a list is on its way."""
    report = only(dsn(f"Reporting-MTA: dns; mx\n\nFINAL-RECIPIENT: RFC822; li@customs.example\nACTION: {action}\n"))
    assert (report.kind, report.hard) == expected


HARD = {
    "a permanent status": ("Status: 5.1.1", True),
    "a temporary status: the mail waited too long": ("Status: 4.4.7", False),
    "a comment after the status": ("Status: 4.4.1 (no answer)", False),
    "no status, a permanent reply": ("Diagnostic-Code: smtp; 553 no", True),
    "no status, a temporary reply": ("Diagnostic-Code: smtp; 452 4 many", False),
    "a reply where the status belongs": ("Status: 553 too large", True),
    "neither": ("X-Nothing: 1", True),
    "a temporary status and a permanent reply in other words": ("Status: 4.0.0\nDiagnostic-Code: smtp; 5.1.1", False),
}


@pytest.mark.parametrize(("fields", "hard"), HARD.values(), ids=HARD.keys())
def test_a_failure_is_hard_unless_it_is_called_temporary(fields: str, hard: bool) -> None:
    report = only(dsn(f"Final-Recipient: rfc822; li@customs.example\nAction: failed\n{fields}\n"))
    assert (report.kind, report.hard) == (Kind.FAILED, hard)


def test_numbers_of_hosts_and_of_software_are_no_status() -> None:
    fields = "Action: failed\nDiagnostic-Code: smtp; host 5.1.1.1 [94.136.40.141], Exim 4.99.1, said no\n"
    assert only(dsn(f"Final-Recipient: rfc822; li@customs.example\n{fields}")).status == ""


# Whom it is about

ADDRESSES = {
    "Final-Recipient: rfc822; li@customs.example": "li@customs.example",
    "Final-Recipient: RFC822;LI@Customs.Example": "li@customs.example",
    "Final-Recipient: rfc822; <li@customs.example>": "li@customs.example",
    "Final-Recipient: <li@customs.example>": "li@customs.example",
    "Final-Recipient: rfc822; li@customs.example (Li)": "li@customs.example",
    "Final-Recipient: rfc822;\n\tli@customs.example": "li@customs.example",
    "Original-Recipient: rfc822; li@customs.example\nFinal-Recipient: x400; /S=li/C=CN/": "li@customs.example",
    "Original-Recipient: x400; /S=li/C=CN/\nFinal-Recipient: rfc822; li@customs.example": "li@customs.example",
    "Final-Recipient: utf-8; 李@customs.example": "",
    "Final-Recipient: rfc822; G=li/S=li/O=customs": "",
    "Final-Recipient: rfc822;": "",
    "Final-Recipient: rfc822; a@b@c": "",
    "X-Recipient: li@customs.example": "",
}


@pytest.mark.parametrize(("fields", "recipient"), ADDRESSES.items())
def test_the_recipient_is_one_plain_address_or_none(fields: str, recipient: str) -> None:
    assert only(dsn(f"Reporting-MTA: dns; mx\n\n{fields}\nAction: failed\n")).recipient == recipient


GROUPS = {
    "as the standard has it": "R: 1\n\nF: a\nA: failed\n\nF: b\nA: delayed\n",
    "no blank lines at all": "R: 1\nF: a\nA: failed\nF: b\nA: delayed\n",
    "no blank line after the first group": "R: 1\nF: a\nA: failed\n\nF: b\nA: delayed\n",
    "several blank lines": "\n\nR: 1\n\n\n\nF: a\nA: failed\n\n \n\t\n\nF: b\nA: delayed\n\n\n",
    "a blank line inside a group": "R: 1\n\nF: a\n\nA: failed\n\nF: b\n\nA: delayed\n",
    "the action first": "R: 1\n\nA: failed\nF: a\n\nA: delayed\nF: b\n",
    "the action first and no blank lines": "R: 1\nA: failed\nF: a\nA: delayed\nF: b\n",
    "the original address before": "R: 1\n\nO: a\nF: x\nA: failed\n\nO: b\nF: y\nA: delayed\n",
    "the original address after": "R: 1\n\nF: x\nO: a\nA: failed\n\nF: y\nO: b\nA: delayed\n",
    "only the second has an original address, and no blank lines": "F: a\nA: failed\nO: b\nF: y\nA: delayed\n",
    "a line that is no field": "R: 1\n\nF: a\nA: failed\nnonsense\n\nF: b\nA: delayed\n",
    "a last group that is about nobody": "R: 1\n\nF: a\nA: failed\n\nF: b\nA: delayed\n\nX: 1\n",
    "each twice": "R: 1\n\nF: a\nA: failed\n\nF: b\nA: delayed\n\nF: a\nA: failed\n\nF: b\nA: delayed\n",
}
NAMES = {
    "R: 1": "Reporting-MTA: dns; mx",
    "F: ": "Final-Recipient: rfc822; ",
    "O: ": "Original-Recipient: rfc822; ",
    "A: ": "Action: ",
}


@pytest.mark.parametrize("short", GROUPS.values(), ids=GROUPS.keys())
def test_recipients_are_told_apart_whatever_became_of_the_blank_lines(short: str) -> None:
    status = short
    for name in "abxy":
        status = status.replace(f": {name}\n", f": {name}@customs.example\n")
    for letter, name in NAMES.items():
        status = status.replace(letter, name)
    assert brief(dsn(status)) == [("a@customs.example", "failed"), ("b@customs.example", "delayed")]


def test_an_address_without_its_action_does_not_take_that_of_the_next() -> None:
    status = "Final-Recipient: rfc822; a@x.example\n\nFinal-Recipient: rfc822; b@x.example\nAction: failed\n"
    assert brief(dsn(status)) == [("a@x.example", "unknown"), ("b@x.example", "failed")]


def test_there_is_an_end_to_recipients() -> None:
    assert (
        len(bounce.read(dsn("".join(f"Final-Recipient: {n}@x.example\nAction: failed\n" for n in range(500))))) == 100
    )


# What came back

RETURNED = {
    "the mail": part("message/rfc822", COPY + "\nMessage-ID: <inside@text>\n"),
    "its header": part("text/rfc822-headers", COPY),
    "its header, with another name": part("message/rfc822-headers", COPY),
    "its header, quoted-printable": "Content-Type: text/rfc822-headers\nContent-Transfer-Encoding: quoted-printable\n\n"
    + COPY.replace("Message-ID: ", "Message-ID: =\n"),
    "its header, base64": "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
    + b64encode(COPY.encode()).decode(),
    "a folded field": part("text/rfc822-headers", COPY.replace("Message-ID: ", "Message-ID:\n ")),
    "no angle brackets": part("text/rfc822-headers", COPY.replace(OURS, OURS.strip("<>"))),
    "a broken line before it": part("text/rfc822-headers", "nonsense\n" + COPY),
    "an internationalised mail": part("message/global", "Subject: 証明書\n" + COPY),
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED.keys())
def test_the_message_id_is_that_of_the_mail_that_came_back(returned: str) -> None:
    assert only(dsn(EXIM, returned)).message_id == OURS


NOTHING_BACK = {
    "nothing": part("text/plain", "Goodbye."),
    "a mail without one": part("message/rfc822", "From: ecert@mpi.example\n\nHello"),
    "one in the text of the mail": part("message/rfc822", f"From: ecert@mpi.example\n\nMessage-ID: {OURS}\n"),
    "a mail without anything": part("message/rfc822", ""),
    "an attached mail as a text": part("text/plain", COPY),
}


@pytest.mark.parametrize("returned", NOTHING_BACK.values(), ids=NOTHING_BACK.keys())
def test_no_message_id_is_made_up(returned: str) -> None:
    assert only(dsn(EXIM, returned)).message_id == ""


def test_a_report_that_came_back_is_not_read() -> None:
    """Our receipts are reports: when one bounces, its own notification is no word about the bounce."""
    receipt = mdn("Final-Recipient: rfc822; ecert@mpi.example\nDisposition: a/b; processed\n", head=COPY)
    report = only(dsn(EXIM, inner(receipt)))
    assert (report.kind, report.recipient, report.message_id) == (Kind.FAILED, "li@customs.example", OURS)


def test_a_report_that_was_cut_off_is_read() -> None:
    parts = (part("text/plain", "No."), part("message/delivery-status", EXIM))
    for close in ("", "--=_b\n", "--=_b\nContent-Ty"):
        octets = multipart("multipart/report; report-type=delivery-status", *parts, close=close)
        assert brief(octets) == [("li@customs.example", "failed")]


def test_a_report_that_a_scanner_wrapped_up_is_read() -> None:
    wrapped = inner(dsn(EXIM))
    assert only(multipart("multipart/mixed; report-type=delivery-status", wrapped)).message_id == OURS
    twice = multipart("multipart/report; report-type=delivery-status", wrapped.replace("=_i", "=_j"))
    assert only(multipart("multipart/mixed; report-type=delivery-status", inner(twice))).kind is Kind.UNKNOWN


def test_a_report_without_its_type_is_one_by_its_parts() -> None:
    status = part("message/delivery-status", EXIM)
    head = "From: postmaster@customs.example\nSubject: x\n"
    assert brief(multipart("multipart/report", status, head=head)) == [("li@customs.example", "failed")]
    assert brief(multipart("multipart/mixed", status)) == [("li@customs.example", "failed")]
    assert brief(multipart("multipart/mixed", status, head=head)) == []


# Disposition notifications

MDN = """Reporting-UA: customs.example; Reader 2.0
Original-Recipient: rfc822;li@customs.example
Final-Recipient: rfc822;li.wei@customs.example
Original-Message-ID: <batch-17@mpi.example>
Disposition: {}
Received-content-MIC: {}, SHA-256
Error: no schema
"""
MIC = b64encode(b"x" * 32).decode()
DISPOSITIONS = {
    "manual-action/MDN-sent-manually; displayed": Kind.DISPLAYED,
    "Manual-Action/MDN-Sent-Automatically;Displayed": Kind.DISPLAYED,
    "automatic-action/MDN-sent-automatically; processed": Kind.PROCESSED,
    "automatic-action/MDN-sent-automatically; processed/warning": Kind.PROCESSED,
    "automatic-action/MDN-sent-automatically; processed/error": Kind.ERROR,
    "automatic-action/MDN-sent-automatically; processed/Warning, Error": Kind.ERROR,
    "automatic-action/MDN-sent-automatically; failed": Kind.ERROR,
    "manual-action/MDN-sent-manually; deleted": Kind.DELETED,
    "manual-action/MDN-sent-manually; denied": Kind.DENIED,
    "automatic-action/MDN-sent-automatically; dispatched": Kind.RELAYED,
    "manual-action (by hand); displayed (on screen)": Kind.DISPLAYED,
    "displayed": Kind.DISPLAYED,
    "manual-action/MDN-sent-manually; framed": Kind.UNKNOWN,
    "": Kind.UNKNOWN,
}


@pytest.mark.parametrize(("disposition", "kind"), DISPOSITIONS.items())
def test_a_notification_says_what_the_recipient_did(disposition: str, kind: Kind) -> None:
    report = only(mdn(MDN.format(disposition, MIC)))
    assert (report.kind, report.recipient, report.message_id) == (kind, "li@customs.example", OURS)
    assert (report.mic, report.micalg, report.diagnostic, report.hard) == (MIC, "sha-256", "no schema", False)


@pytest.mark.parametrize("mic", ["", "short", f"{MIC} and more", f"<{MIC}>"])
def test_a_mic_that_is_none_is_left_out(mic: str) -> None:
    report = only(mdn(MDN.format("a/b; processed", mic)))
    assert (report.mic, report.micalg) == ("", "")


def test_the_signed_part_of_a_receipt_is_read_and_the_signed_mail_is_not() -> None:
    receipt = mdn(MDN.format("a/b; processed", MIC))
    signed = multipart(
        "multipart/signed", receipt.decode(), part("application/pgp-signature", "x"), head="From: a@b.c\n"
    )
    assert only(receipt).kind is Kind.PROCESSED
    assert not bounce.is_report(signed)
    assert bounce.read(signed) == ()


def test_what_a_server_rejects_on_arrival_has_failed() -> None:
    """RFC 5429: such a server calls it deleted; of a mail that a person deletes nobody says `(rejected)`."""
    notification = MDN.format("automatic-action/MDN-sent-automatically; deleted", MIC)
    head = "From: Mail Delivery Subsystem <admin@customs.example>\nAuto-Submitted: auto-replied (rejected)\n"
    assert only(mdn(notification, head)).kind is Kind.FAILED
    assert not only(mdn(notification, head)).hard
    assert only(mdn(notification)).kind is Kind.DELETED


# Prose

QMAIL = f"""Hi. This is the qmail-send program at mx.customs.example.
Your mail came to nothing, for good.

<li@customs.example>:
192.0.2.25 does not like recipient.
Remote host said: 550 5.1.1 no such mailbox (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <ecert@mpi.example>
{COPY}
"""


def test_a_bounce_in_prose_is_understood() -> None:
    assert only(prose(QMAIL)) == Report(
        kind=Kind.FAILED,
        recipient="li@customs.example",
        message_id=OURS,
        status="5.1.1",
        diagnostic="Remote host said: 550 5.1.1 no such mailbox (#5.1.1)",
        hard=True,
    )


def test_a_bounce_in_prose_for_a_temporary_reason_is_not_hard() -> None:
    report = only(prose(QMAIL.replace("550 5.1.1", "451 4.4.1").replace("#5", "#4")))
    assert (report.kind, report.hard) == (Kind.FAILED, False)


def test_a_warning_in_prose_is_no_failure() -> None:
    postfix = "This is a WARNING ONLY.\n\n    The Postfix program\n\n<li@customs.example>: busy\n"
    octets = multipart("multipart/mixed", "Content-Description: Notification\n" + part("text/plain", postfix))
    assert brief(octets) == [("li@customs.example", "delayed")]
    assert brief(crlf(octets.replace(b"WARNING ONLY", b"last word"))) == [("li@customs.example", "failed")]


def test_failed_recipients_in_the_header_are_enough() -> None:
    head = "From: Postman <post@customs.example>\nX-Failed-Recipients: li@customs.example,\n Wu@customs.example, junk\n"
    assert brief(prose("We are sorry.", head)) == [("li@customs.example", "failed"), ("wu@customs.example", "failed")]


def test_a_bounce_that_nobody_understands_is_still_noticed() -> None:
    assert only(prose(f"Nope.\n\n{COPY}")) == Report(kind=Kind.UNKNOWN, message_id=OURS)


def test_patterns_in_the_mail_that_came_back_are_not_the_mail_systems_words() -> None:
    parts = (
        part("text/plain", "Sorry."),
        inner(prose(QMAIL)),
        part("text/rfc822-headers", QMAIL),
    )
    assert only(multipart("multipart/mixed", *parts)).kind is Kind.UNKNOWN


def test_a_bounce_without_from_does_not_harm() -> None:
    """flufl.bounce 6.0.0 itself raises on such a mail."""
    assert brief(prose(QMAIL, "Return-Path: <>\nSubject: failure notice\n")) == [("li@customs.example", "failed")]


# Good mails

VACATION = "From: Li <li@customs.example>\nSubject: {}\nReturn-Path: <>\nAuto-Submitted: auto-replied{}\n"
PERSON = "From: Li <li@customs.example>\nSubject: {}\n"
POSTMASTER = "From: postmaster@customs.example\nSubject: {}\n"
GOOD = {
    "an empty mail": b"",
    "a person": prose("Hello", PERSON.format("Certificates")),
    "a person who quotes a bounce": prose(QMAIL, PERSON.format("Re: failure notice")),
    "a person who writes about a bounce": prose(
        QMAIL, "From: li@customs.example\nSubject: Undeliverable mail from you\n"
    ),
    "a postmaster who writes": prose(QMAIL, POSTMASTER.format("Your mails bounce")),
    "a postmaster who answers": prose(QMAIL, POSTMASTER.format("Re: Undelivered")),
    "a forwarded bounce": multipart(
        "multipart/mixed",
        inner(dsn(EXIM)),
        head=PERSON.format("Fwd: Undelivered"),
    ),
    "the attachments of a bounce": multipart(
        "multipart/mixed", part("message/delivery-status", EXIM), head=PERSON.format("Fwd: Undelivered")
    ),
    "out of office": prose("I am away.", VACATION.format("Out of office: Certificates", "")),
    "an automatic reply": prose(QMAIL, VACATION.format("Automatic reply: Undeliverable", "")),
    "a vacation": prose(QMAIL, VACATION.format("Undeliverable for a week", " (vacation)")),
    "a vacation of the postmaster": prose("Away", VACATION.format("Re: x", "").replace("li@", "postmaster@")),
    "a report about something else": multipart(
        "multipart/report; report-type=tlsrpt", part("text/plain", "x"), head="From: tls@customs.example\n"
    ),
    "a header with bare LF": dsn(EXIM).replace(b"\r\n", b"\n", 1),
    "a header beyond the limits": b"X: " + b"x" * 5000 + b"\r\n" + dsn(EXIM),
}


@pytest.mark.parametrize("octets", GOOD.values(), ids=GOOD.keys())
def test_no_other_mail_is_taken_for_a_report(octets: bytes) -> None:
    assert not bounce.is_report(octets)
    assert bounce.read(octets) == ()


def test_a_batch_is_no_report() -> None:
    assert not bounce.is_report(batch_mail(certificates_xml()))


# Whatever comes in

SEEDS = (
    dsn(POSTFIX),
    dsn(EXIM, RETURNED["its header, quoted-printable"]),
    mdn(MDN.format("a/b; displayed", MIC)),
    prose(QMAIL),
    multipart("multipart/mixed; report-type=delivery-status", inner(dsn(EXIM))),
)
PIECES = st.binary(max_size=12) | st.sampled_from([b"\r\n", b"--=_b", b";", b"<"])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A report with a few pieces cut out, put in or written over."""
    octets = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(octets)))
        end = draw(st.integers(start, min(len(octets), start + 40)))
        octets = octets[:start] + draw(PIECES) + octets[end:]
    return octets


@given(st.binary(max_size=300) | damaged())
@example(b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\n")
@example(b"Content-Type: multipart/report; report-type=delivery-status; boundary*=x'y'%\r\n\r\n")
@example(b"From: =?utf-8?b?x?= <mailer-daemon@x.example>\r\nSubject: =?utf-8?b?x?=\r\n\r\n")
@example(b"Content-Type: multipart/mixed; report-type*=x'y'%\r\nX-Failed-Recipients: \xff\r\n\r\n")
def test_no_octets_make_it_raise_and_a_report_always_says_something(octets: bytes) -> None:
    reports = bounce.read(octets)
    assert bool(reports) is bounce.is_report(octets)
    for report in reports:
        texts = (report.recipient, report.message_id, report.envelope_id, report.status, report.diagnostic, report.mic)
        assert all(text.isprintable() and len(text) <= 254 for text in texts)


@given(st.text(printable, max_size=400))
def test_no_text_of_a_mail_system_makes_it_raise(text: str) -> None:
    assert bounce.read(prose(text))
    assert bounce.read(dsn(text))


LONG = {
    "a line of addresses": prose("Your message could not be delivered to\n" + "a@b " * 200_000),
    "lines without an address": prose("A message that you sent could not be delivered\n" + ("x" * 900 + "\n") * 2000),
    "at signs": prose("The following addresses had\n" + ("@" * 900 + "\n") * 2000),
    "failed recipients": prose("x", FROM_DAEMON + ("X-Failed-Recipients: " + "." * 3900 + "\n") * 15),
    "angle brackets": multipart(
        "multipart/mixed",
        part("text/plain", "This Message was undeliverable due to the following reason:\n" + ("<" * 318 + "\n") * 2000),
        part("text/plain", "."),
    ),
    "fields": dsn("Final-Recipient: a@b.example\nAction: failed\n" * 100_000),
    "a folded field": dsn("Final-Recipient: a@b.example\nAction: failed\nDiagnostic-Code: x\n" + " y\n" * 300_000),
    "brackets": mdn("Disposition: " + "(" * 500_000 + "\n"),
    "nested multiparts": crlf(
        FROM_DAEMON
        + "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(1000))
        + "x\n" * 100_000
    ),
    "nested mails": crlf(
        FROM_DAEMON
        + "".join(
            f'Content-Type: multipart/report; report-type=delivery-status; boundary="{n}"\n\n'
            f"--{n}\nContent-Type: message/rfc822\n\n"
            for n in range(3000)
        )
    ),
}


@pytest.mark.parametrize("octets", LONG.values(), ids=LONG.keys())
def test_a_long_report_takes_no_long_time(octets: bytes) -> None:
    begun = time.process_time()
    assert bounce.read(octets)
    assert time.process_time() - begun < 10  # 1.5 s at most


# The mails of others

BOUNCES = sorted((SHARED / "mail/bounces/data").glob("*.txt"))
REPLIES = sorted((SHARED / "mail/replies").rglob("*.txt"))
RIPE = sorted((SHARED / "mail/ripe-whois/testMail").glob("*"))
STRINGS = [SHARED / "mail/irrd/email_pgp_vectors.json", SHARED / "mail/ripe-whois/pgp_x509_vectors.json"]


@pytest.mark.skipif(not BOUNCES, reason="the bounces of flufl.bounce (../shared/data/mail/bounces) are not here")
def test_real_bounces_are_noticed_with_recipient_and_kind() -> None:
    table: Counter[tuple[str, str]] = Counter()
    wrong = []
    for path in BOUNCES:
        reports = bounce.read(crlf(path.read_bytes()))
        found = {(report.recipient, report.kind.value) for report in reports}
        expected = {(who, KINDS.get(path.stem, "failed")) for who in RECIPIENTS.get(path.stem, ())}
        noticed = {kind for who, kind in found if who} or ({"noticed"} if found else {"nothing"})
        asserted = {kind for _, kind in expected} or ({"nothing"} if path.stem in NO_REPORTS else {"nobody"})
        table[min(asserted), min(noticed)] += 1
        if {entry for entry in found if entry[0]} != expected or bool(found) is (path.stem in NO_REPORTS):
            wrong.append((path.stem, expected, found))
    print("\nasserted  read      bounces", *(f"{a:9} {b:9} {n:7}" for (a, b), n in sorted(table.items())), sep="\n")
    assert wrong == []


@pytest.mark.skipif(not REPLIES, reason="the replies (../shared/data/mail/replies) are not here")
@pytest.mark.parametrize(
    "head", ["", "From: li@customs.example\nSubject: Re: Certificates\n\n"], ids=["bare", "header"]
)
def test_no_real_reply_is_taken_for_a_report(head: str) -> None:
    assert [path for path in REPLIES if bounce.is_report(crlf(head.encode() + path.read_bytes()))] == []


@pytest.mark.skipif(not RIPE, reason="the mails of ripe-whois (../shared/data/mail/ripe-whois) are not here")
def test_of_the_mails_of_ripe_exactly_the_bounces_are_reports() -> None:
    assert {path.name for path in RIPE if bounce.is_report(crlf(path.read_bytes()))} == {
        path.name for path in RIPE if path.name.startswith(("permanentFailure", "messageDelayed"))
    }
    kinds = {path.name: {report.kind for report in bounce.read(crlf(path.read_bytes()))} for path in RIPE}
    assert kinds.pop("messageDelayedRfc822Headers.mail") == {Kind.DELAYED}
    assert all(found == {Kind.FAILED} for found in kinds.values() if found)


@pytest.mark.skipif(not STRINGS[0].is_file(), reason="the mails of irrd (../shared/data/mail/irrd) are not here")
def test_no_update_of_a_registry_is_taken_for_a_report() -> None:
    mails = [mail for path in STRINGS for mail in _strings(path)]
    assert len(mails) == 68
    assert [mail for mail in mails if bounce.is_report(crlf(mail))] == []


def _strings(path: Path) -> Iterator[str]:
    for entry in json.loads(path.read_text("utf-8")).values():
        yield from entry["strings"]
