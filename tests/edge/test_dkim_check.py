"""DKIM of strangers' mails: what counts, what does not, and that nothing hurts; the DNS is a dictionary, or real."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from functools import cache

import dkim
import dns.rcode
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dkim.crypto import parse_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from ecertmail.edge.dkim import DkimSigner
from ecertmail.edge.dkim_check import DkimVerifier, Doubt, Lookup
from ecertmail.edge.txt_records import TxtRecords
from ecertmail.errors import TemporaryError
from tests.edge.test_dkim import key, pem
from tests.edge.test_smtp_out import delivery
from tests.name_server import Zone, name_server

NAME = "s1._domainkey.customs.example"
GOOD = frozenset({"customs.example"})
PLAIN = (
    b"From: Li Wei <li@customs.example>\r\nTo: ecert+d17.abcdefghijkl@mpi.example\r\n"
    b"Subject: Re: [d17.abcdefghijkl] NZL2009/0001/26\r\nDate: Tue, 24 Nov 2026 10:00:00 +0800\r\n"
    b"Message-ID: <1@customs.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"PASS\r\n\r\nAll  seals \t intact.  \r\n\r\n> REFUSE\r\n"
)
ALL = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]
WEAK = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBAKZLbr0Js7iovK+gS/zsBjoBqdbt4pZhSAKEJPktDeCqm+g4gY+/
ENP/Bh2h9zVSki6lrq5JTxcz+i57lwwz+UECAwEAAQJAQhg5K2lvxTVLyYIssZod
33BJ0OM77Ak+VcGv8Fm36lNBA4oYK37Ib/jq01DUjOlcRJK6sZDWAwXs4ghvKftU
AQIhANYhBqd5okF9Kh1KNXTmBzmxnTjnOzrBNv6VKt7UpWHlAiEAxs/kNqaOJa4/
kymjd/QcZT7uDLGOUcgwt+dqVttOdC0CIG/RGTd1dfx6zvYynU2pHVbMYEypuy1I
Xl59KMDqDF7dAiEAwdZFYkdHhlN6pqfNOpHl8YzGmdevs+rkHRnioyaVOk0CIQCa
KxJtxk2Na4F+70iSpZlw2cfmOjzyBMs7x4wQ0T0nhg==
-----END RSA PRIVATE KEY-----
"""
GMAIL = [b"mime-version", b"from", b"date", b"message-id", b"subject", b"to"]
EXCHANGE = [b"from", b"date", b"subject", b"message-id", b"content-type", b"mime-version"]
RELAXED = (b"relaxed", b"relaxed")


def public(bits: int = 2048) -> str:
    octets = key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(octets).decode()


def der(*numbers: int) -> bytes:
    """Write a sequence of whole numbers (RFC 8017 appendix A.1)."""

    def element(tag: int, octets: bytes) -> bytes:
        return bytes([tag, 0x82]) + len(octets).to_bytes(2, "big") + octets

    return element(0x30, b"".join(element(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers))


def der_record(modulus: int, exponent: int = 65_537) -> bytes:
    """Write an RSA key as a record, whatever numbers it is made of."""
    return b"v=DKIM1; p=" + base64.b64encode(der(modulus, exponent))


def dictionary(records: Mapping[str, str | list[str]]) -> Lookup:
    def lookup(name: str, seconds: float) -> list[bytes]:
        found = records.get(name, [])
        return [text.encode() for text in ([found] if isinstance(found, str) else found)]

    return lookup


def verifier(record: str | None = None, name: str = NAME) -> DkimVerifier:
    return DkimVerifier(dictionary({name: f"v=DKIM1; k=rsa; p={public()}" if record is None else record}))


def signature(
    octets: bytes, *, domain: bytes = b"customs.example", names: list[bytes] = ALL, bits: int = 2048,
    algorithm: bytes = b"rsa-sha256", form: tuple[bytes, bytes] = RELAXED, length: bool = False,
    identity: bytes | None = None, extra: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:  # fmt: skip
    """Return a DKIM-Signature field; `extra` are tags further to dkimpy's own, or instead of them."""

    class Signer(dkim.DKIM):  # type: ignore[misc]
        def gen_header(self, fields: list[tuple[bytes, bytes]], *others: object) -> bytes:
            others_too = [field for field in fields if field[0] not in dict(extra)]
            return bytes(super().gen_header([*extra, *others_too], *others))

    signer = Signer(octets, signature_algorithm=algorithm)
    made = signer.sign(
        b"s1", domain, pem(bits), canonicalize=form, include_headers=names, length=length, identity=identity
    )
    return bytes(made)


@cache
def signed(octets: bytes = PLAIN) -> bytes:
    return signature(octets) + octets


def doubt(octets: bytes, check: DkimVerifier | None = None) -> Doubt:
    checked = (check or verifier()).check(octets)
    assert bool(checked.domains) is (checked.doubt is Doubt.NONE)
    return checked.doubt


# What counts


@pytest.mark.parametrize("form", [RELAXED, (b"relaxed", b"simple"), (b"simple", b"simple"), (b"simple", b"relaxed")])
@pytest.mark.parametrize("names", [ALL, EXCHANGE, GMAIL, [*ALL, b"from", b"subject", b"cc"]])
@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\n" * 5, b" \t\r\n\r\n", b"no line end"])
def test_a_good_signature_counts(form: tuple[bytes, bytes], names: list[bytes], tail: bytes) -> None:
    mail = PLAIN + tail
    assert verifier().domains(signature(mail, names=names, form=form) + mail) == GOOD


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n", b" \r\n"])
@pytest.mark.parametrize("form", [RELAXED, (b"simple", b"simple")])
def test_an_empty_body_can_be_signed(body: bytes, form: tuple[bytes, bytes]) -> None:
    mail = PLAIN.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    assert verifier().domains(signature(mail, form=form) + mail) == GOOD


def test_what_this_node_signs_counts_at_another() -> None:
    sent = delivery()
    own = re.search(rb"^From: .*@(.*?)>?\r$", sent.octets, re.MULTILINE)
    assert own is not None
    header = DkimSigner(own[1].decode(), "s1", pem()).header(sent)
    check = verifier(name=f"s1._domainkey.{own[1].decode()}")
    assert check.domains(header + sent.octets) == {own[1].decode()}
    assert check.domains(header + sent.octets.replace(b"Subject: ", b"Subject: no ", 1)) == frozenset()


def test_fields_that_were_added_on_top_on_the_way_do_not_matter() -> None:
    assert verifier().domains(b"Received: by mx.mpi.example; today\r\nX-Spam: no\r\n" + signed()) == GOOD


def test_the_domain_right_above_the_senders_may_sign() -> None:
    mail = PLAIN.replace(b"li@customs.example", b"li@post.customs.example")
    assert verifier().domains(signature(mail, identity=b"@post.customs.example") + mail) == GOOD


@pytest.mark.parametrize("bits", [1024, 4096])
def test_usual_keys(bits: int) -> None:
    assert verifier(f"p={public(bits)}").domains(signature(PLAIN, bits=bits) + PLAIN) == GOOD


def test_a_second_signature_counts_when_the_first_is_not_right() -> None:
    assert verifier().domains(signature(b"X: y\r\n" + PLAIN + b"other") + signed()) == GOOD


# Forgeries


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "body changed": lambda mail: mail.replace(b"PASS\r\n", b"REFUSE\r\n"),
    "body longer": lambda mail: mail + b"REFUSE\r\n",
    "subject changed": lambda mail: mail.replace(b"d17.abcdefghijkl]", b"d18.abcdefghijkl]"),
    "sender changed": lambda mail: mail.replace(b"li@customs", b"wu@customs"),
    "content type changed": lambda mail: mail.replace(b"text/plain", b"text/html"),
    "signature changed": lambda mail: re.sub(rb"(b=\r\n ?|[ ;]b=)([A-Za-z])", rb"\1/", mail, count=1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_mail_is_not_signed(change: Callable[[bytes], bytes]) -> None:
    assert change(signed()) != signed()
    assert doubt(change(signed())) is Doubt.BAD


@pytest.mark.parametrize(
    "added",
    [
        b"From: thief@thief.example", b"From: li@customs.example", b"Subject: [d18.abcdefghijkl]",
        b"To: ecert+d18.abcdefghijkl@mpi.example", b"Content-Type: text/html", b"Cc: a@b.example\r\nCc: c@d.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("on_top", [True, False])
def test_a_field_that_is_there_twice_makes_it_ambiguous(added: bytes, on_top: bool) -> None:
    mail = added + b"\r\n" + signed() if on_top else signed().replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n\r\n", 1)
    assert doubt(mail) is Doubt.AMBIGUOUS


@pytest.mark.parametrize("sender", [b"a@customs.example, b@customs.example", b"customs.example", b"<>", b"a <b@c> d"])
def test_without_one_plain_sender_nobody_has_signed(sender: bytes) -> None:
    mail = PLAIN.replace(b"Li Wei <li@customs.example>", sender)
    assert doubt(signature(mail) + mail) is Doubt.AMBIGUOUS


@pytest.mark.parametrize(
    "field",
    [
        signature(PLAIN, length=True),
        signature(PLAIN, names=[b"from", b"to", b"date"]),
        signature(PLAIN, names=[b"from", b"to", b"subject", b"message-id"]),
        signature(PLAIN, algorithm=b"rsa-sha1"),
        signature(PLAIN).replace(b"rsa-sha256", b"ed25519-sha256"),
        signature(PLAIN, domain=b"thief.example"),
        signature(PLAIN, domain=b"example"),
        signature(PLAIN).replace(b"DKIM-Signature", b"X-DKIM-Signature"),
        b"",
    ],
    ids=[
        "l=",
        "subject not covered",
        "date not covered",
        "sha1",
        "ed25519",
        "other domain",
        "top level",
        "other field",
        "none",
    ],
)
def test_a_signature_that_covers_too_little_is_none_and_costs_no_look_up(field: bytes) -> None:
    def lookup(name: str, seconds: float) -> list[bytes]:
        raise AssertionError(name)

    assert doubt(field + PLAIN, DkimVerifier(lookup)) is Doubt.UNSIGNED


@pytest.mark.parametrize(("days", "expected"), [(1, Doubt.NONE), (-1, Doubt.BAD)])
def test_an_expired_signature_is_none(days: int, expected: Doubt) -> None:
    now = int(time.time())
    made, ends = now - 10 * 86_400, now + days * 86_400
    extra = ((b"t", str(made).encode()), (b"x", str(ends).encode()))
    assert doubt(signature(PLAIN, extra=extra) + PLAIN) is expected


@pytest.mark.parametrize("tail", [b"", b"\r\n\r\n"])
def test_other_line_ends_are_another_mail(tail: bytes) -> None:
    """A part that begins for one reader must begin for all: only CRLF ends a line here."""
    mail = signed(PLAIN + tail)
    head, _, body = mail.partition(b"\r\n\r\n")
    assert dkim.verify(
        head + b"\r\n\r\n" + body.replace(b"\r\n", b"\n"), dnsfunc=lambda *_, **__: f"p={public()}".encode()
    )
    assert doubt(head + b"\r\n\r\n" + body.replace(b"\r\n", b"\n")) is Doubt.BAD


# Keys


@pytest.mark.parametrize(
    "record",
    [
        "", "v=DKIM1; p=", "v=DKIM1", "v=DKIM1; p=%%%", "v=DKIM1; p=AAAA", "p=" + "A" * 5000, ";;;", "=",
        "v=DKIM1; p=A; p=B",
        f"v=DKIM2; p={public()}", f"v=DKIM1; k=ed25519; p={public()}", f"v=DKIM1; t=y; p={public()}",
        f"v=DKIM1; t=s:y; p={public()}", f"v=DKIM1; h=sha1; p={public()}", f"v=DKIM1; s=tlsrpt; p={public()}",
        f"v=DKIM1; s=chat; p={public()}", f"v=DKIM1; p={public(1024)}", "v=spf1 -all", "\0\xff",
    ],
)  # fmt: skip
def test_a_key_that_is_revoked_on_trial_for_something_else_or_no_key_does_not_count(record: str) -> None:
    assert doubt(signed(), verifier(record)) is Doubt.BAD


@pytest.mark.parametrize("record", ["t=s; p=", "h=sha1:sha256; p=", "s=email; p=", "k=rsa; n=for the customs; p="])
def test_further_tags_of_a_key(record: str) -> None:
    assert verifier(record + public()).domains(signed()) == GOOD


def test_a_key_for_exactly_this_domain_does_not_sign_for_those_below() -> None:
    mail = PLAIN.replace(b"li@customs.example", b"li@post.customs.example")
    sealed = signature(mail, identity=b"@post.customs.example") + mail
    assert doubt(sealed, verifier(f"t=s; p={public()}")) is Doubt.BAD


def test_a_name_with_two_keys_has_none() -> None:
    assert doubt(signed(), DkimVerifier(dictionary({NAME: [f"p={public()}", f"p={public(1024)}"]}))) is Doubt.BAD


def test_a_weak_key_does_not_count() -> None:
    mail = bytes(dkim.sign(PLAIN, b"s1", b"customs.example", WEAK, include_headers=ALL)) + PLAIN
    record = der_record(parse_pem_private_key(WEAK)["modulus"])
    assert dkim.DKIM(mail, minkey=512).verify(dnsfunc=lambda *_, **__: record)
    assert doubt(mail, verifier(record.decode())) is Doubt.BAD


@pytest.mark.parametrize("long", [True, False])
def test_an_exponent_that_takes_seconds_or_hides_nothing_does_not_count(long: bool) -> None:
    numbers = key().private_numbers()
    modulus = numbers.public_numbers.n
    exponent, secret = (numbers.d, 65_537) if long else (1, 1)
    private = der(0, modulus, exponent, secret, numbers.p, numbers.q, secret, secret, numbers.iqmp)
    pem_form = b"-----BEGIN KEY-----\n" + base64.b64encode(private) + b"\n-----END KEY-----\n"
    mail = bytes(dkim.sign(PLAIN, b"s1", b"customs.example", pem_form, include_headers=ALL)) + PLAIN
    record = der_record(modulus, exponent)
    assert dkim.verify(mail, dnsfunc=lambda *_, **__: record)
    assert doubt(mail, verifier(record.decode())) is Doubt.BAD


@pytest.mark.parametrize(
    ("modulus", "exponent"),
    [
        (2**16_383 + 1, 65_537), (2**8191 + 1, 2**8190 + 1), (2**2047 + 1, 1), (2**2047 + 1, 0), (0, 65_537), (1, 3),
        (2**2047, 2**64 - 1), (2**8191 + 1, 65_537),
    ],
    ids=["16,384 bits", "long exponent", "exponent 1", "exponent 0", "modulus 0", "modulus 1", "even", "8,192 bits"],
)  # fmt: skip
def test_a_strange_key_does_no_harm(modulus: int, exponent: int) -> None:
    start = time.process_time()
    assert doubt(signed(), verifier(der_record(modulus, exponent).decode())) is Doubt.BAD
    assert time.process_time() - start < 1


# Where Content-Type is not signed, as Gmail does it

QUOTING = (
    b"--b1\r\nContent-Type: text/plain\r\n\r\nREFUSE broken seal\r\n\r\n---------- Forwarded message\r\n"
    b"Subject: how to answer\r\n\r\nPASS or REFUSE\r\n--b1--\r\n"
)


def divided(content_type: bytes, body: bytes = QUOTING) -> bytes:
    head = PLAIN.partition(b"\r\n\r\n")[0].replace(b"text/plain; charset=utf-8", content_type)
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize("kind", [b"alternative", b"mixed", b"related"])
def test_a_body_that_begins_and_ends_with_its_boundary_needs_no_signed_content_type(kind: bytes) -> None:
    mail = divided(b'multipart/%s; boundary="b1"' % kind)
    assert verifier().domains(signature(mail, names=GMAIL) + mail) == GOOD


@pytest.mark.parametrize(
    "content_type",
    [
        b'multipart/mixed; boundary="-------- Forwarded message"', b"multipart/mixed; boundary=b2", b"multipart/mixed",
        b"text/plain", b"text/html", b"multipart/report; boundary=b1", b"application/octet-stream", b"message/rfc822",
    ],
)  # fmt: skip
def test_nobody_can_divide_a_signed_body_otherwise(content_type: bytes) -> None:
    honest, twisted = divided(b"multipart/alternative; boundary=b1"), divided(content_type)
    assert doubt(signature(honest, names=GMAIL) + twisted) is Doubt.UNSIGNED


def test_nobody_can_divide_a_signed_text() -> None:
    twisted = divided(b'multipart/mixed; boundary="x"', b"REFUSE\r\n\r\n--x\r\n\r\nPASS\r\n--x--\r\n")
    honest = twisted.replace(b'multipart/mixed; boundary="x"', b"text/plain")
    sealed = signature(honest, names=GMAIL)
    assert (verifier().domains(sealed + honest), doubt(sealed + twisted)) == (GOOD, Doubt.UNSIGNED)


def test_a_text_that_begins_like_a_part_is_not_divided_there() -> None:
    twisted = divided(
        b'multipart/mixed; boundary="---Original Message-----"', b"-----Original Message-----\r\n\r\nPASS\r\n"
    )
    assert doubt(signature(twisted, names=GMAIL) + twisted) is Doubt.UNSIGNED


# The DNS


def unreachable(name: str, seconds: float) -> list[bytes]:
    raise TemporaryError(name)


def test_trouble_in_the_dns_is_no_signature_and_says_so() -> None:
    assert doubt(signed(), DkimVerifier(unreachable)) is Doubt.DNS


def test_trouble_in_the_dns_is_told_though_another_signature_is_not_right() -> None:
    answers: list[list[bytes] | None] = [None, []]

    def lookup(name: str, seconds: float) -> list[bytes]:
        answer = answers.pop(0)
        if answer is None:
            raise TemporaryError(name)
        return answer

    assert (doubt(signature(PLAIN) * 2 + PLAIN, DkimVerifier(lookup)), answers) == (Doubt.DNS, [])


def test_a_slow_dns_costs_one_mail_two_seconds_at_most_for_all_its_signatures() -> None:
    allowed: list[float] = []

    def slow(name: str, seconds: float) -> list[bytes]:
        allowed.append(seconds)
        time.sleep(min(seconds, 0.15))
        raise TemporaryError(name)

    start = time.process_time()
    assert doubt(signature(PLAIN) * 9 + PLAIN, DkimVerifier(slow, seconds=0.2)) is Doubt.DNS
    assert time.process_time() - start < 0.4
    assert [round(seconds, 1) for seconds in allowed] in ([0.2, 0.0], [0.2, 0.1])


def test_three_signatures_are_tried_and_no_more() -> None:
    asked: list[str] = []

    def lookup(name: str, seconds: float) -> list[bytes]:
        asked.append(name)
        return []

    assert doubt(signature(PLAIN) * 9 + PLAIN, DkimVerifier(lookup)) is Doubt.BAD
    assert asked == [NAME] * 3


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ({NAME: [f"v=DKIM1; k=rsa; p={public()}"]}, Doubt.NONE),
        ({NAME: ["CNAME s1.protection.example."], "s1.protection.example": [f"p={public()}"]}, Doubt.NONE),
        ({NAME: [f"v=DKIM1; n={'x' * 1000}; p={public()}"]}, Doubt.NONE),  # too long for UDP
        ({NAME: ["v=DKIM1; p="]}, Doubt.BAD),
        ({NAME: []}, Doubt.BAD),
        ({}, Doubt.BAD),
        ({NAME: [f"p={public()}", "another"]}, Doubt.BAD),
        ({NAME: dns.rcode.SERVFAIL}, Doubt.DNS),
        ({NAME: dns.rcode.REFUSED}, Doubt.DNS),
        ({NAME: None}, Doubt.DNS),
    ],
    ids=["key", "alias", "by TCP", "revoked", "no TXT", "no name", "two", "SERVFAIL", "REFUSED", "silence"],
)
def test_keys_from_a_real_name_server(zone: Zone, expected: Doubt) -> None:
    with name_server(zone) as port:
        start = time.process_time()
        assert doubt(signed(), DkimVerifier(TxtRecords(["127.0.0.1"], port), seconds=1.0)) is expected
        assert time.process_time() - start < 1.5


def test_where_no_name_server_is_the_dns_does_not_say() -> None:
    assert doubt(signed(), DkimVerifier(TxtRecords(["127.0.0.1"], 1), seconds=0.5)) is Doubt.DNS


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", "\\.example", ""])
def test_a_name_that_is_none_raises_nothing_else(name: str) -> None:
    with pytest.raises(TemporaryError):
        TxtRecords(["127.0.0.1"], 1)(name, 0.2)


# Hostile mails


TAGS = st.sampled_from(["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z"])
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["1", "rsa-sha256", "customs.example", "from:subject:content-type", "relaxed/relaxed", "AAAA", "s1"]
    ),
)


@settings(max_examples=300, deadline=1000)
@given(st.dictionaries(TAGS, VALUES), st.sampled_from([signed(), PLAIN]))
def test_no_signature_field_makes_it_raise(tags: dict[str, str], rest: bytes) -> None:
    usual = {"v": "1", "a": "rsa-sha256", "d": "customs.example", "s": "s1", "h": "from:subject:content-type"}
    value = "; ".join(f"{name}={text}" for name, text in ({**usual, "b": "AAAA", "bh": "AAAA"} | tags).items())
    found = verifier().domains(b"DKIM-Signature: " + value.encode("utf-8", "replace") + b"\r\n" + rest)
    assert found <= (GOOD if rest == signed() else frozenset())


@given(st.binary(max_size=200))
def test_no_key_record_makes_it_raise(record: bytes) -> None:
    assert DkimVerifier(lambda *_: [record]).domains(signed()) == frozenset()


@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    assert verifier().domains(octets) == frozenset()


BLANK = b"\r\n ".join([b" " * 900] * 4)
OPEN = b"DKIM-Signature: v=1; a=rsa-sha256; d=customs.example; s=s1; h=from:subject:date:content-type; "


@pytest.mark.parametrize(
    "mail",
    [
        signature(PLAIN) * 10_000 + PLAIN,
        signature(PLAIN).replace(b"v=1", b"v=2") * 60 + PLAIN,
        OPEN + b"bh=AAAA; b=" + BLANK + b"%\r\n" + PLAIN,
        OPEN + b"bh=AAAA; b=" + b"A" * 100_000 + b"\r\n" + PLAIN,
        OPEN + b"bh=AAAA; b" + BLANK + b"=AAAA\r\n" + PLAIN,
        OPEN.replace(b"h=from", b"h=" + b"from:" * 700 + b"from") + b"bh=AAAA; b=AAAA\r\n" + PLAIN,
        OPEN + b"; ".join(b"x%d=y" % at for at in range(500)) + b"; bh=AAAA; b=AAAA\r\n" + PLAIN,
        OPEN + b"t=" + b"9" * 3500 + b"; bh=AAAA; b=AAAA\r\n" + PLAIN,
        signed() + b" " * 20_000_000 + b"x",
        signed() + b" " * 900_000 + b"x",
        signed() + b" x" * 900_000,
        signed() + b" x" * 10_000_000,
        signed() + b"\r\n" * 10_000_000 + b"x",
        signed() + b"\n" + b"\r\n" * 10_000_000,
        signed() + b"\t\r\n" * 900_000 + b"x",
    ],
    ids=[
        "10,000", "60", "blank b", "huge b", "blank name", "long h", "many tags", "long number", "spaces",
        "fewer spaces", "words", "many words", "lines", "empty lines", "blank lines",
    ],
)  # fmt: skip
def test_a_hostile_mail_is_refused_in_time(mail: bytes) -> None:
    start = time.process_time()
    assert verifier().domains(mail) == frozenset()
    assert time.process_time() - start < 2
