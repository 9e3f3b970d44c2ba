"""Whose mail it says it is: the one From address must belong to whoever signed, however it is dressed up."""

from collections.abc import Callable

from ecertmail.findings import FindingCode as Code
from ecertmail.model import Outcome
from tests.builders import AU_ADDRESS, CHINA, NZ_ADDRESS
from tests.flow.node import Node
from tests.hostile.case import Case, accepted, assert_comes_to, stranger, table
from tests.hostile.mails import with_head

REST = b"To: ecert@customs.example\r\nSubject: Certificates\r\nMessage-ID: <1@mpi.example>\r\n"
EVIL = "evil@x.example"
HIDDEN = "=3Cevil=40x=2Eexample=3E"


def head(*lines: str) -> Callable[[], bytes]:
    return lambda: with_head("".join(f"{line}\r\n" for line in lines).encode() + REST)


def malformed(name: str, *lines: str) -> Case:
    return stranger(name, head(*lines), Code.FROM_MALFORMED)


def foreign(name: str, *lines: str) -> Case:
    return stranger(name, head(*lines), Code.FROM_NOT_PARTNER)


OTHERS = (
    foreign("another partner", f"From: {AU_ADDRESS}"),
    foreign("the node itself", f"From: {CHINA.address}"),
    foreign("nobody registered", f"From: {EVIL}"),
    foreign("a domain that begins alike", f"From: {NZ_ADDRESS}.x.example"),
    foreign("a subdomain", "From: ecert@mail.mpi.example"),
    foreign("the parent domain", "From: ecert@example"),
    foreign("a tagged local part", "From: ecert+x@mpi.example"),
    foreign("punycode that looks alike", "From: ecert@xn--mp-xha.example"),
    foreign("a name that is the partner's address", f'From: "{NZ_ADDRESS}" <{EVIL}>'),
    foreign("a name with the partner's whole mailbox", f'From: "NZ <{NZ_ADDRESS}>" <{EVIL}>'),
    foreign("an encoded name that is the partner's address", f"From: =?utf-8?q?ecert=40mpi.example?= <{EVIL}>"),
    foreign("the partner as Sender", f"From: {EVIL}", f"Sender: {NZ_ADDRESS}"),
    foreign("the partner as Reply-To", f"From: {EVIL}", f"Reply-To: {NZ_ADDRESS}"),
    foreign("the partner as Resent-From", f"From: {EVIL}", f"Resent-From: {NZ_ADDRESS}"),
)

NOT_ONE = (
    malformed("no From"),
    malformed("an empty From", "From:"),
    malformed("an empty address", "From: <>"),
    malformed("only a name", 'From: "New Zealand"'),
    malformed("two From", f"From: {NZ_ADDRESS}", f"From: {EVIL}"),
    malformed("two From, the partner's second", f"From: {EVIL}", f"From: {NZ_ADDRESS}"),
    malformed("the same From twice", f"From: {NZ_ADDRESS}", f"From: {NZ_ADDRESS}"),
    malformed("two From in another case", f"From: {NZ_ADDRESS}", f"fROM: {EVIL}"),
    malformed("two addresses", f"From: {NZ_ADDRESS}, {EVIL}"),
    malformed("the same address twice", f"From: {NZ_ADDRESS}, {NZ_ADDRESS}"),
    malformed("two in angle brackets", f"From: <{NZ_ADDRESS}> <{EVIL}>"),
    malformed("a name that is an address without quotes", f"From: {NZ_ADDRESS} <{EVIL}>"),
    malformed("an address that a fold divides", f"From: {EVIL}\r\n <{NZ_ADDRESS}>"),
    malformed("a group", f"From: NZ: {NZ_ADDRESS};"),
    malformed("an empty group", "From: undisclosed-senders:;"),
    malformed("a route", f"From: <@x.example:{NZ_ADDRESS}>"),
    malformed("a comment with an address", f"From: {EVIL} ({NZ_ADDRESS})"),
    malformed("a comment in the address", "From: ecert(@x.example)@mpi.example"),
    malformed("a quoted local part", 'From: "ecert"@mpi.example'),
    malformed("Cyrillic letters", "From: \u0435cert@mpi.example"),
    malformed("Cyrillic letters in the domain", "From: ecert@mp\u0456.example"),
    malformed("full-width letters", "From: \uff45cert@mpi.example"),
    malformed("an encoded address", "From: =?utf-8?q?ecert=40mpi.example?="),
    malformed("a NUL", f"From: {NZ_ADDRESS}\0"),
    malformed("a NUL in the middle", "From: ecert@mpi\0.example"),
    malformed("text after the address", f"From: {NZ_ADDRESS} {EVIL}"),
    malformed("an invisible character", f"From: {NZ_ADDRESS}\u200b"),
    stranger("two From, one with a space before its colon",
             head(f"From: {NZ_ADDRESS}", f"From : {EVIL}"), Code.MIME_MALFORMED),
    stranger("two From, one after a line that is no field",
             head(f"From: {NZ_ADDRESS}", "no field", f"From: {EVIL}"), Code.MIME_MALFORMED),
    stranger("a bare CR before a second From", head(f"From: {NZ_ADDRESS}\rFrom: {EVIL}"), Code.MIME_MALFORMED),
    stranger("a bare LF before a second From", head(f"From: {NZ_ADDRESS}\nFrom: {EVIL}"), Code.MIME_MALFORMED),
)  # fmt: skip

THE_PARTNERS = (
    accepted("capitals", head("From: ECERT@MPI.Example")),
    accepted("a name", head(f"From: New Zealand <{NZ_ADDRESS}>")),
    accepted("a name that is another's address", head(f'From: "{EVIL}" <{NZ_ADDRESS}>')),
    accepted("an encoded name", head(f"From: =?utf-8?q?Te_Kawanatanga_o_Aotearoa?= <{NZ_ADDRESS}>")),
    accepted("an encoded name with a second mailbox in it", head(f"From: =?utf-8?q?{HIDDEN}?= <{NZ_ADDRESS}>")),
    accepted("a folded field", head(f"From: New Zealand\r\n <{NZ_ADDRESS}>")),
    accepted("another Sender", head(f"From: {NZ_ADDRESS}", f"Sender: {EVIL}")),
    accepted("another Reply-To, which gets nothing", head(f"From: {NZ_ADDRESS}", f"Reply-To: {EVIL}")),
    accepted("many other addresses, which get nothing",
             head(f"From: {NZ_ADDRESS}", f"Return-Receipt-To: {EVIL}", f"Disposition-Notification-To: {EVIL}",
                  f"Errors-To: {EVIL}", f"Mail-Followup-To: {EVIL}", f"Return-Path: <{EVIL}>", f"Cc: {EVIL}")),
    accepted("X-From of another", head(f"From: {NZ_ADDRESS}", f"X-From: {EVIL}")),
    Case(name="another return path, which gets nothing", mail=head(f"From: {NZ_ADDRESS}"), reverse_path=EVIL,
         outcome=Outcome.ACCEPTED, answered=True),
)  # fmt: skip


@table(OTHERS)
def test_a_mail_in_somebody_elses_name_is_set_aside(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(NOT_ONE)
def test_a_mail_that_does_not_say_plainly_whose_it_is_is_set_aside(node: Node, case: Case) -> None:
    assert_comes_to(node, case)


@table(THE_PARTNERS)
def test_a_partners_own_address_counts_however_it_is_dressed(node: Node, case: Case) -> None:
    assert_comes_to(node, case)
