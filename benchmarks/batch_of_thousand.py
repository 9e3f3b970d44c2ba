"""(b) One message with a thousand certificates."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from benchmarks import bare
from benchmarks.ratio import Ratio, compare
from tests.builders import batch_mail, certificates_xml

CERTIFICATES, REPEATS = 1000, 9


def measure() -> Ratio:
    """Compare with lxml's parse, the compiled schema, a thousand inserts and one commit."""
    with tempfile.TemporaryDirectory(prefix="ecertmail-bench-") as name:
        folder = Path(name)
        mail = batch_mail(certificates_xml(*(f"NZ/{n}" for n in range(CERTIFICATES))))
        filled = [bare.Node(folder / f"node-{n}") for n in range(REPEATS)]
        for node in filled:
            node.fill([mail])
        claimed = iter([(node, node.claim()) for node in filled])

        def ours() -> None:
            node, spooled = next(claimed)
            node.decide(spooled)

        value = compare(ours, _floor(folder, mail), REPEATS)
        for node in filled:
            node.check(1, CERTIFICATES)
    against = f"parse, schema, {CERTIFICATES} inserts, one commit; median of {REPEATS}"
    return Ratio(name="batch-of-thousand", value=value, aim=5, higher_is_better=False, against=against)


def _floor(folder: Path, mail: bytes) -> Callable[[], None]:
    _, document = bare.opened(mail)
    schema, db, row = bare.schema(), bare.database(folder / "floor.db"), itertools.count()
    contents = [etree.tostring(certificate) for certificate in etree.fromstring(document)]

    def floor() -> None:
        assert schema.validate(etree.fromstring(document))
        db.execute("BEGIN")
        for content in contents:
            db.execute("INSERT INTO row VALUES (?,?)", (str(next(row)), content))
        db.execute("COMMIT")

    return floor
