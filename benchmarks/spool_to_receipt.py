"""(a) Messages of one certificate each, from the spool to a signed receipt in the ledger."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import pysequoia
from lxml import etree

from benchmarks import bare
from benchmarks.ratio import Ratio, compare
from tests.builders import CHINA, NZ_ADDRESS, batch_mail, certificates_xml, key_of

MAILS, REPEATS = 500, 9


def measure() -> Ratio:
    """Compare with one verification, one parse and validation, one committed row and one signature for each message."""
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        folder = Path(name)
        mails = [batch_mail(certificates_xml(f"NZ/{n}"), serial=f"{n}") for n in range(MAILS)]
        filled = [bare.Node(folder / f"node-{n}") for n in range(REPEATS)]
        for node in filled:
            node.fill(mails)
        waiting = iter(filled)
        value = compare(lambda: next(waiting).drain(), _floor(folder, mails), REPEATS)
        for node in filled:
            node.check(MAILS, MAILS)
    against = f"the bare steps on the same bytes; {MAILS} messages, median of {REPEATS}"
    return Ratio(name="spool-to-receipt", value=value, aim=4, higher_is_better=False, against=against)


def _floor(folder: Path, mails: list[bytes]) -> Callable[[], None]:
    opened = [bare.opened(mail) for mail in mails]
    cert, signer = key_of(NZ_ADDRESS).public.cert, key_of(CHINA.address).tsk.signer()
    schema, db, row = bare.schema(), bare.database(folder / "floor.db"), itertools.count()

    def floor() -> None:
        for message, document in opened:
            signature = pysequoia.Sig.from_bytes(message.signature)
            pysequoia.verify(message.signed_octets, store=lambda _: [cert], signature=signature)
            assert schema.validate(etree.fromstring(document))
            db.execute("INSERT INTO row VALUES (?,?)", (str(next(row)), document))
            pysequoia.sign(signer, document, mode=pysequoia.SignatureMode.DETACHED)

    return floor
