"""Kill -9 at random moments under load: whatever was acknowledged is in the ledger once, with one receipt."""

import random
import signal
import smtplib
import threading
import time
from email import message_from_bytes

import pytest

from ecertmail.store.audit import faults
from tests.builders import CHINA, NZ_ADDRESS, batch_mail, certificates_xml
from tests.installation import Installation, Sink, until

MAILS, KILLS, PUSHED = 200, 6, 60


class Load(threading.Thread):
    """A partner that sends its mails again and again until each was acknowledged."""

    def __init__(self, daemon: Installation) -> None:
        super().__init__()
        self._daemon = daemon
        self.mails = {n: batch_mail(certificates_xml(f"NZ/{n}"), serial=f"kill-{n}") for n in range(MAILS)}
        self.acknowledged: set[int] = set()

    def run(self) -> None:
        while missing := sorted(self.mails.keys() - self.acknowledged):
            try:
                self._send(missing)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    def _send(self, numbers: list[int]) -> None:
        with smtplib.SMTP("127.0.0.1", self._daemon.port, timeout=5) as smtp:
            for number in numbers:
                smtp.sendmail(NZ_ADDRESS, [CHINA.address], self.mails[number])
                self.acknowledged.add(number)


@pytest.mark.slow
def test_every_acknowledged_mail_is_recorded_once_with_one_receipt(china: Installation, sink: Sink) -> None:
    moments = random.Random(26)  # noqa: S311 - not a secret
    china.start()
    load = Load(china)
    load.start()
    for acknowledged in sorted(moments.sample(range(5, MAILS - 20), KILLS)):
        until(lambda n=acknowledged: len(load.acknowledged) >= n, 60)  # type: ignore[misc]
        time.sleep(moments.uniform(0, 0.1))
        china.stop(signal.SIGKILL)
        china.start()
    load.join(120)
    assert load.acknowledged == set(range(MAILS))
    until(lambda: china.spooled("spooled", "claimed") == [], 60)
    until(lambda: set(china.ledger().counts("delivery")) == {"delivered"}, 60)

    ledger = china.ledger()
    assert ledger.counts("certificate") == {"70": MAILS}
    assert list(faults(ledger)) == []
    for number in range(MAILS):
        assert len(ledger.lookup(f"NZ/{number}")[0].versions) == 1
    receipts = set(sink.mails)
    assert len(receipts) == MAILS, "a repeated mail gets the same octets again, so there are as many receipts as mails"


@pytest.mark.slow
def test_every_certificate_is_pushed_once_whatever_happens_while_staging_and_sending(
    china: Installation, sink: Sink
) -> None:
    added = china.cli("subscriber", "add", "post", "--address", "post@customs.example")
    assert added.exit_code == 0, added.output
    moments = random.Random(27)  # noqa: S311 - not a secret
    china.start()
    numbers = [f"NZ/{number}" for number in range(PUSHED)]
    for place, number in enumerate(numbers):
        china.send(batch_mail(certificates_xml(number), serial=f"push-{place}"))
        if place % (PUSHED // KILLS) == 0:
            time.sleep(moments.uniform(0, 2.5))
            china.stop(signal.SIGKILL)
            china.start()
    until(lambda: len(pushes(sink)) >= PUSHED, 60)
    until(lambda: set(china.ledger().counts("delivery")) == {"delivered"}, 60)
    assert sorted(pushes(sink)) == sorted(f"Export certificate {number}: issued" for number in numbers)


def pushes(sink: Sink) -> list[str]:
    """The subjects of all pushes that came; one that came twice with the same octets counts once."""
    mails = [message_from_bytes(octets) for octets in set(sink.mails)]
    return [str(mail["Subject"]) for mail in mails if mail["List-Id"]]
