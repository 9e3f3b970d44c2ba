"""(e) Catching up on 1,000 waiting mails: ours are on disk and flagged over there when it is done."""

import itertools
import tempfile
from functools import partial
from pathlib import Path

from imapclient import IMAPClient

from benchmarks.ratio import Ratio, compare
from tests import dovecot
from tests.builders import batch_mail, certificates_xml
from tests.desk import Desk, imap_account
from tests.dovecot import PASSWORD, Account

MAILS, REPEATS = 1000, 7


def measure() -> Ratio:
    """Compare with imapclient fetching each mail and dropping it, from the same Dovecot."""
    mails = [batch_mail(certificates_xml(f"NZ/{n}"), serial=str(n)) for n in range(MAILS)]
    with dovecot.running() as server, tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        accounts = [server.account(f"user-{n}") for n in range(REPEATS)]
        for account in accounts:
            account.fill(mails)
            _fetch(account)  # Dovecot indexes a mailbox when it is first read
        desks = [Desk(_folder(Path(name) / str(n))) for n in range(REPEATS)]
        waiting = iter(zip(desks, accounts, strict=True))
        again = itertools.cycle(accounts)
        value = 1 / compare(lambda: _collect(*next(waiting)), lambda: _fetch(next(again)), REPEATS)
        for desk, account in zip(desks, accounts, strict=True):
            assert len(desk.rows()) == MAILS
            assert account.flags() == [(b"\\Seen",)] * MAILS
            desk.close()
    against = f"a bare imapclient loop that only fetches; {MAILS} mails, median of {REPEATS}"
    return Ratio(name="mailbox-catch-up", value=value, aim=0.5, higher_is_better=True, against=against)


def _collect(desk: Desk, account: Account) -> None:
    desk.round(imap_account(account))


def _fetch(account: Account) -> None:
    client = IMAPClient("127.0.0.1", port=account.server.port, ssl=False)
    client.login(account.user, PASSWORD)
    client.select_folder("INBOX", readonly=True)
    fetch = partial(client.fetch, data=["BODY.PEEK[]"])
    octets = [len(fetch([uid])[uid][b"BODY[]"]) for uid in client.search()]
    assert len(octets) == MAILS
    client.shutdown()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
