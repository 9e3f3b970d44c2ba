"""Mails that are made to cost time, each at four sizes, against an ordinary mail of the same size."""

import time
from base64 import b64encode
from collections.abc import Callable

from benchmarks.ratio import Ratio
from ecertmail.flow.examine import Examiner
from tests.builders import batch_mail, certificates_xml, envelope, examiner

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_REPEATS = 3

Make = Callable[[int], bytes]
_HEAD = b"From: Wang <wang@post.example>\r\nTo: ecert@customs.example\r\nSubject: PASS\r\nMIME-Version: 1.0\r\n"


def _mail(content_type: bytes, body: bytes, more: bytes = b"") -> bytes:
    return _HEAD + more + b"Content-Type: " + content_type + b"\r\n\r\n" + body


def _filled(piece: bytes, size: int) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


def _text(piece: bytes) -> Make:
    """A plain text that repeats a piece."""
    return lambda size: _mail(b"text/plain; charset=utf-8", _filled(piece, size) + b"\r\n")


def _html(piece: bytes) -> Make:
    return lambda size: _mail(b"text/html; charset=utf-8", _filled(piece, size) + b"\r\n")


def _field(name: bytes, piece: bytes) -> Make:
    """One long header field, folded at 900 octets, in a mail of that size."""

    def make(size: int) -> bytes:
        value = _filled(piece, min(size, 60_000))
        folded = b"\r\n ".join(value[at : at + 900] for at in range(0, len(value), 900))
        return _mail(b"text/plain", _filled(b"text\r\n", size), name + b": " + folded + b"\r\n")

    return make


def _fields(size: int) -> bytes:
    return _mail(b"text/plain", _filled(b"text\r\n", size), _filled(b"X-A: b\r\n", size // 2 // 8 * 8))


def _encrypted(body: Callable[[int], bytes]) -> Make:
    """multipart/encrypted whose armour has a body like this."""

    def make(size: int) -> bytes:
        armor = b"-----BEGIN PGP MESSAGE-----\r\n\r\n" + body(size) + b"\r\n-----END PGP MESSAGE-----\r\n"
        return _mail(
            b'multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"',
            b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n" + armor + b"--b--\r\n",
        )

    return make


def _signature(size: int) -> bytes:
    return _mail(
        b'multipart/signed; protocol="application/pgp-signature"; boundary="b"',
        b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"
        b"-----BEGIN PGP SIGNATURE-----\r\n\r\n" + _filled(b" \t\r\n", size) + b"\r\n--b--\r\n",
    )


def _parts(piece: bytes, kind: bytes = b"mixed") -> Make:
    return lambda size: _mail(
        b"multipart/" + kind + b'; boundary="b"', _filled(b"--b\r\n" + piece, size) + b"\r\n--b--\r\n"
    )


def _nested(size: int) -> bytes:
    opened = b"".join(
        b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (n, n + 1) for n in range(size // 60)
    )
    return _mail(b'multipart/mixed; boundary="b0"', opened)


def _bounce(piece: bytes) -> Make:
    def make(size: int) -> bytes:
        return _mail(
            b'multipart/report; report-type=delivery-status; boundary="b"',
            b"--b\r\nContent-Type: text/plain\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            + _filled(piece, size)
            + b"\r\n--b--\r\n",
        )

    return make


def _xml(document: Callable[[int], bytes]) -> Make:
    return lambda size: batch_mail(document(size))


def _attributes(size: int) -> bytes:
    return b"<certificates><certificate " + b" ".join(b'a%d="1"' % n for n in range(size // 10)) + b"/></certificates>"


def _ordinary_text(size: int) -> bytes:
    return _text(b"The seal of the container was checked at the border post and found whole.\r\n")(size)


def _ordinary_batch(size: int) -> bytes:
    one = len(certificates_xml("NZ/1"))
    return batch_mail(certificates_xml(*(f"NZ/{n}" for n in range(max(size // one, 1)))))


SHAPES: dict[str, Make] = {
    "armor-white-space": _encrypted(lambda size: _filled(b" \t\r\n", size)),
    "armor-base64": _encrypted(lambda size: _filled(b"QUFB" * 16 + b"\r\n", size)),
    "armor-headers": _encrypted(lambda size: _filled(b"Comment: a\r\n", size)),
    "armor-equals": _encrypted(lambda size: _filled(b"====\r\n", size)),
    "signature-white-space": _signature,
    "text-dots": _text(b"." * 70 + b"\r\n"),
    "text-one-line": _text(b"a"),
    "text-one-line-words": _text(b"pass "),
    "text-spaces": _text(b" "),
    "text-empty-lines": _text(b"\r\n"),
    "text-short-lines": _text(b"a\r\n"),
    "text-quotes": _text(b"> a\r\n"),
    "text-quotes-deep": _text(b">"),
    "text-on-wrote": _text(b"On Mon, 1 Jan wrote "),
    "text-from-lines": _text(b"From: a@b.example\r\nSent: x\r\nTo: y\r\n"),
    "text-dashes": _text(b"-"),
    "text-underscores": _text(b"_" * 40 + b"\r\n"),
    "text-numbers": _text(b"VERIFY NZ/1 "),
    "text-urls": _text(b"<http://a/"),
    "text-utf8-combining": _text("a\u0301\u0301\u0301".encode()),
    "html-open-tags": _html(b"<b>"),
    "html-open-brackets": _html(b"<"),
    "html-attributes": _html(b"<a " + b"x=1 " * 50),
    "html-comments": _html(b"<!--"),
    "html-entities": _html(b"&amp"),
    "html-tables": _html(b"<table><tr><td>"),
    "field-from-dots": _field(b"From", b"."),
    "field-comments": _field(b"From", b"("),
    "field-quotes": _field(b"To", b'"a'),
    "field-encoded-words": _field(b"X-Subject", b"=?utf-8?q?a?= "),
    "field-parameters": _field(b"Content-Disposition", b"; a*0=b"),
    "fields-many": _fields,
    "parts-many": _parts(b"\r\na\r\n"),
    "parts-boundary-like": _parts(b"x"),
    "parts-nested": _nested,
    "parts-alternative": _parts(b"Content-Type: text/html\r\n\r\n<p>a\r\n", b"alternative"),
    "bounce-groups": _bounce(b"\r\n\r\n"),
    "bounce-fields": _bounce(b"Final-Recipient: rfc822; a@b.example\r\n\r\n"),
    "base64-text": lambda size: _mail(
        b"text/plain", b64encode(_filled(b"a ", size * 3 // 4)), b"Content-Transfer-Encoding: base64\r\n"
    ),
    "xml-attributes": _xml(_attributes),
    "xml-number": _xml(lambda size: certificates_xml("N" * size)),
    "xml-entities": _xml(
        lambda size: certificates_xml("N1").replace(b"</certificates>", _filled(b"<x/>", size) + b"</certificates>")
    ),
}


def measure() -> tuple[Ratio, ...]:
    """Compare the slowest shape of each size with the slower of an ordinary letter and an ordinary batch."""
    return tuple(_slowest(examiner(), size) for size in SIZES)


def _slowest(by: Examiner, size: int) -> Ratio:
    ordinary = max(_seconds(by, _ordinary_text(size)), _seconds(by, _ordinary_batch(size)))
    taken = {name: _seconds(by, make(size)) for name, make in SHAPES.items()}
    name = max(taken, key=taken.__getitem__)
    against = f"the slowest of {len(SHAPES)} shapes, {name}, at {size:,} octets; an ordinary mail of that size"
    return Ratio(name="hostile-mail", value=taken[name] / ordinary, aim=4, higher_is_better=False, against=against)


def _seconds(by: Examiner, mail: bytes) -> float:
    """Return the processor time of the fastest of some runs; what takes long is run once."""
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.process_time()
        by.examine(envelope(), mail)
        best = min(best, time.process_time() - start)
        if best > 1:
            break
    return best
