"""Mails made to mislead or to take long: what two readers would see differently is asked back, and all in time."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

import time

import pytest

from ecertmail.core.look_up import asked
from ecertmail.core.reply.understand import understand
from ecertmail.core.reply.written import read
from ecertmail.official import Decision
from tests.core.official_mails import NUMBER, PASS, REFUSE, alternative, mail, part, several

PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
SECONDS = 2.0  # many times what it takes: a machine that runs other tests is slow, and what is quadratic takes longer


def decided(octets: bytes) -> Decision | None:
    """What is recorded of a mail about one certificate, if anything."""
    written = read(octets)
    understood = understand(written, (NUMBER,)) if written else None
    return understood.said[0].decision if understood and understood.certain else None


def both(plain: str, html: str) -> bytes:
    return alternative(part(PLAIN, plain.encode()), part(HTML, html.encode()))


@pytest.mark.parametrize(
    ("plain", "html", "expected"),
    [
        ("PASS", "<p>REFUSE</p>", None),
        ("REFUSE", "<p>PASS</p>", None),
        ("PASS", "<p>Please wait</p>", None),
        ("PASS", "<p>Not yet</p>", None),
        ("Dear all\nPASS", "<p>Dear all</p><p>REFUSE</p>", None),
        ("*PASS*", "<p><b>PASS</b></p>", PASS),
        ("PASS", "<p>CAUTION: do not click on links</p><p>PASS</p>", PASS),
        ("[cid:logo] PASS", "<p>PASS</p>", None),
        ("PASS\n\nLi Wei", "<p>PASS</p>", PASS),
        ("REFUSE wrong seal", "<div>REFUSE <i>wrong</i> seal</div>", REFUSE),
    ],
)
def test_alternatives_that_differ_are_asked_back(plain: str, html: str, expected: Decision | None) -> None:
    assert decided(both(plain, html)) is expected


@pytest.mark.parametrize(
    "style",
    [
        'style="display:none"',
        'style="font-size:0"',
        'style="font-size: 0px; color:red"',
        'style="mso-hide:all"',
        'style="max-height:0;overflow:hidden"',
        'style="opacity:0"',
        "hidden",
    ],
)
def test_what_nobody_sees_says_nothing(style: str) -> None:
    assert decided(mail(HTML, f"<p {style}>PASS</p><p>hm</p>".encode())) is None


@pytest.mark.parametrize("style", ['style="font-size:0.9em"', 'style="opacity:0.8"', 'style="max-height:100px"'])
def test_what_is_small_or_pale_is_read(style: str) -> None:
    assert decided(mail(HTML, f"<p {style}>PASS</p>".encode())) is PASS


@pytest.mark.parametrize("word", ["РАSS", "PАSS", "ΡΑSS", "PA5S", "P A S S", "PASSS"])
def test_letters_of_another_script_make_another_word(word: str) -> None:
    assert decided(mail(PLAIN, word.encode())) is None


def test_what_is_accepted_in_a_calendar_is_a_meeting() -> None:
    calendar = part("text/calendar; method=REPLY", b"BEGIN:VCALENDAR\nEND:VCALENDAR")
    octets = mail(*several("alternative", part(PLAIN, b"Accepted"), calendar), subject="Accepted: NZL")
    assert decided(octets) is None
    file = part("text/calendar; name=a.ics", b"x", more="Content-Disposition: attachment\n")
    assert decided(mail(*several("mixed", part(PLAIN, b"PASS"), file))) is PASS


def test_what_outlook_packs_is_a_file() -> None:
    packed = part("application/ms-tnef; name=winmail.dat", b"REFUSE", "base64")
    assert decided(mail(*several("mixed", part(PLAIN, b"PASS"), packed))) is PASS
    assert decided(mail("application/ms-tnef; name=winmail.dat", b"PASS")) is None


def test_a_condition_in_a_flowed_line_belongs_to_it() -> None:
    assert decided(mail(f"{PLAIN}; format=flowed", b"PASS \nif the seal is right")) is None


_LONG = {
    "attributes": mail(HTML, b"<div " + b" ".join(b"a%d=1" % i for i in range(60_000)) + b">PASS</div>"),
    "attributes after a quoted end": mail(HTML, b'<div a=">" ' + b"/".join(b"a%d" % i for i in range(60_000)) + b">"),
    "blocks": mail(HTML, b"<div>x</div>" * 50_000),
    "nested blocks": mail(HTML, b"<div>" * 100_000 + b"PASS"),
    "comments": mail(HTML, b"<!--" * 150_000),
    "angles": mail(HTML, b"<" * 590_000),
    "a class": mail(HTML, b'<div class="' + b"ydp" * 180_000 + b'">PASS</div>'),
    "a line": mail(PLAIN, b"PASS " + b"x" * 1_000_000),
    "addresses": mail(PLAIN, b"On 2026 x@x\n" * 8_000),
    "decisions": mail(PLAIN, b"PASS\n" * 20_000),
    "numbers": mail(PLAIN, b"VERIFY " + b"a1, " * 5_000),
    "openings": mail(PLAIN, b"hello " * 20_000 + b"please " * 3000),
    "QR texts": mail(PLAIN, b"ECERT" + b" " * 20_000 + b"\nECERT :" * 2_000),
    "half QR texts": mail(PLAIN, (b"ECERT:NZ:x:" + b"a " * 62 + b"\n") * 150),
    "encoded QR texts": mail(PLAIN, b"ECERT%3A" * 12_000),
    "accents": mail(PLAIN, ("P" + "\u0301" * 50_000).encode()),
    "soft ends": mail(f"{PLAIN}; format=flowed", b"x \n" * 190_000),
    "parts": mail(*several("mixed", *[part(PLAIN, b"PASS")] * 1000)),
}


@pytest.mark.parametrize("octets", _LONG.values(), ids=_LONG)
def test_nothing_takes_long(octets: bytes) -> None:
    began = time.process_time()
    written = read(octets)
    if written is not None:
        understand(written, (NUMBER,))
        asked(written.subject, written.text)
    assert time.process_time() - began < SECONDS
