"""Two nodes that talk about certificates, without mail in between: real ledgers, real signatures, plain words."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from ecertmail.conversation import Inquiry, Message
from ecertmail.core import ticket as tickets
from ecertmail.core.deadline import Hours
from ecertmail.edge.openpgp import OpenPgpEngine
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.flow.enrol import Enroller
from ecertmail.flow.inquire import Inquirer
from ecertmail.flow.inquiry_book import InquiryBook
from ecertmail.flow.inquiry_post import InquiryPost
from ecertmail.flow.inquiry_watch import InquiryWatch
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.offer import Offers
from ecertmail.flow.post import Post
from ecertmail.flow.visit import Visit
from ecertmail.letter import Letter, Rendered
from ecertmail.model import CertificateStatus
from ecertmail.official import Decided, Decision, File, Language, Official, Role, Subject, Written
from ecertmail.parties import Assurance, Authority, Demands, Partner, Policy
from ecertmail.ports import OpenPgp, Transaction
from ecertmail.store.audit import faults
from ecertmail.store.ledger import SqliteLedger
from ecertmail.store.outbox import SqliteOutbox
from ecertmail.store.reader import LedgerReader
from tests.builders import CHINA, NOW, NZ_ADDRESS, certificate, key_of, new_zealand, partner, present, room, unexplained
from tests.flow.fakes import Log, Trouble

WELLINGTON = Authority(name="MPI", country="NZ", address=NZ_ADDRESS)
NUMBER = "NZ-1"
WANG = Official(
    id="wang", address="wang@customs.example", name="Wang Wei", post="Port of Shanghai", language=Language.ZH,
    partner="self", created_at=NOW,
)  # fmt: skip
KIRI = replace(WANG, id="kiri", address="kiri@mpi.example", name="Kiri", post="MPI", language=Language.EN,
               role=Role.ANSWERS)  # fmt: skip
HEMI = replace(KIRI, id="hemi", address="hemi@mpi.example", name="Hemi", created_at=NOW + timedelta(minutes=1))
SEAL = File(name="封条.jpg", type="image/jpeg", octets=b"\0\xff")


class Remembering:
    """Writes the letters that people get, and remembers what they were made of."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.rendered: list[Rendered] = []
        self._real = templates()

    def render(self, letter: Letter) -> Rendered:
        self.letters.append(letter)
        self.rendered.append(self._real.render(letter))
        return self.rendered[-1]

    def words(self, language: Language) -> Mapping[Decision, str]:
        return self._real.words(language)


@cache
def templates() -> JinjaTemplates:
    return JinjaTemplates("##- answer above -##")


class DyingSigner(OpenPgpEngine):
    """Signs as the node does, but for some of its calls."""

    def __init__(self, side: "Side", trouble: Trouble) -> None:
        super().__init__({}, unexplained, key_of(side.authority.address).sign)
        self._trouble = trouble

    def sign(self, octets: bytes) -> bytes:
        self._trouble()
        return super().sign(octets)


@dataclass
class Side:
    """One node: its ledger, its officials, and what it said to the other node."""

    folder: Path
    authority: Authority
    partners: tuple[Partner, ...]
    now: datetime = field(default_factory=present)
    operator: str = ""
    said: list[tuple[str, Message]] = field(default_factory=list)
    hours: Hours = field(default_factory=Hours)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.ledger = SqliteLedger(self.folder / "ledger.db")
        self.outbox = SqliteOutbox(self.ledger)
        self.log, self.templates, self._serial = Log(), Remembering(), count(1)
        self.openpgp: OpenPgp = OpenPgpEngine({}, unexplained, key_of(self.authority.address).sign)
        self.post = Post(
            authority=self.authority,
            policy=Policy(mailboxes=frozenset({self.authority.address}), country=self.authority.country),
            templates=self.templates,
            secret=b"sixteen octets!!",
            life=timedelta(days=30),
            new_message_id=lambda: f"<{next(self._serial)}@{self.authority.country}.example>",
            log=self.log,
        )

    @property
    def known(self) -> dict[str, Partner]:
        return {one.id: one for one in self.partners}

    @property
    def letters(self) -> InquiryPost:
        look_ups = LookUps(authority=self.authority, partners=self.known, misses_to_alarm=5, log=self.log)
        offers = Offers(post=self.post, look_ups=look_ups)
        office = f"office@{self.authority.country.lower()}.example"
        return InquiryPost(
            post=self.post, show=offers.plain, offer=offers.one, operator=self.operator, escalate_to=office
        )

    @property
    def inquirer(self) -> Inquirer:
        return Inquirer(
            partners=self.known,
            post=self.letters,
            book=InquiryBook(hours=self.hours, log=self.log),
            file_octets=1000,
            announce=self._announce,
            log=self.log,
        )

    @property
    def watch(self) -> InquiryWatch:
        book = self.inquirer.book
        return InquiryWatch(ledger=self.ledger, post=self.letters, book=book, partners=self.known, log=self.log)

    def employ(self, *officials: Official) -> None:
        with self.ledger.transaction() as tx:
            for official in officials:
                Enroller(tx=tx, log=Log(), now=self.now).add(official)

    def issue(
        self, number: str = NUMBER, issuer: str = "self", status: CertificateStatus = CertificateStatus.ISSUED
    ) -> None:
        with self.ledger.transaction() as tx:
            [entry] = tx.append([("certificate", b'{"at":"2026-01-01T00:00:00Z","kind":"certificate"}')])
            tx.put_versions(issuer, [(entry, "certificate", certificate(number, status=status))])

    def request(
        self, official: Official, remark: str = "Which seal?", *files: File, issuer: str = "nz", number: str = NUMBER
    ) -> tuple[Inquiry, Message | None]:
        """What the desk does with a REQUEST."""
        with self.ledger.transaction() as tx:
            decided = Decided(
                entry=7, issuer=issuer, number=number, decision=Decision.REQUEST, remark=remark,
                partner=official.partner, official=official.id, operator=official.signs_as,
                assurance=Assurance.TOKEN_DKIM, at=self.now,
            )  # fmt: skip
            visit = self.visit(tx, official, remark, files)
            return self.inquirer.open(visit, Subject(issuer=issuer, number=number, entry=0), decided)

    def receive(self, partner_id: str, message: Message | None) -> str:
        """What the processor does with a document of a partner's node."""
        assert message is not None
        [sender] = [one for one in self.partners if one.id == partner_id]
        with self.ledger.transaction() as tx:
            return self.inquirer.receive(tx, sender, message, "m1", self.openpgp, self.now)

    def reply(self, official: Official, text: str, *files: File, ticket_id: int | None = None) -> int | None:
        """What the desk does with a duty officer's mail; by default it answers the newest letter to that person."""
        with self.ledger.transaction() as tx:
            given = tx.officials.ticket(ticket_id or self.ticket_of(official))
            assert given is not None
            return self.inquirer.answered(self.visit(tx, official, text, files), given)

    def ticket_of(self, official: Official) -> int:
        letter = next(one for one in reversed(self.templates.letters) if one.reader == official.name and one.reply_to)
        named = tickets.named(letter.reply_to.partition("+")[2].partition("@")[0])
        assert named is not None
        return named[1]

    def visit(self, tx: Transaction, official: Official, text: str, files: Sequence[File]) -> Visit:
        written = Written(
            sender=official.address, recipients=frozenset(), subject="Re:", message_id="<their@mail.example>",
            text=text, files=tuple(files),
        )  # fmt: skip
        return Visit(
            tx=tx, spool_id="m1", entry=0, official=official, written=written, assurance=Assurance.TOKEN_DKIM,
            demands=Demands(), openpgp=self.openpgp, now=self.now,
        )  # fmt: skip

    def mails(self) -> list[tuple[str, str]]:
        """Return (recipient, kind of letter) of what was staged since the last look, and check that it was signed."""
        due = sorted(self.outbox.take_due(self.now, room(1000)), key=lambda one: one.id)
        letters, self.templates.letters = self.templates.letters, []
        assert all(one.octets.count(b"multipart/signed") == 1 and one.kind in {"letter", "notice"} for one in due)
        assert len(letters) == len(due)
        return [(one.recipient, letter.kind.value) for one, letter in zip(due, letters, strict=True)]

    def inquiry(self, inquiry_id: int = 1) -> Inquiry:
        with self.ledger.transaction() as tx:
            found = tx.inquiries.get(inquiry_id)
        assert found is not None
        return found

    def thread(self, inquiry_id: int = 1) -> list[tuple[str, str, str, int]]:
        with self.ledger.transaction() as tx:
            said = tx.inquiries.thread(inquiry_id)
        return [(one.turn.value, one.operator, one.content, len(one.files)) for one in said]

    def alarms(self) -> list[str]:
        with self.ledger.transaction() as tx:
            return [alarm.what for alarm in tx.alarms()]

    def kinds(self) -> list[str]:
        with closing(LedgerReader(self.folder / "ledger.db")) as reader:
            return [entry.kind for entry in reader.tail(1000)]

    def log_faults(self) -> Iterator[str]:
        """What does not hold in the log; the certificates here have no entries that describe them."""
        with closing(LedgerReader(self.folder / "ledger.db")) as reader:
            found = list(faults(reader))
        yield from (fault for fault in found if "certificate" not in fault and "stored version" not in fault)

    def _announce(
        self, tx: Transaction, to: Partner, message: Message, language: Language, openpgp: OpenPgp, now: datetime
    ) -> None:
        assert tx.inquiries.thread(1)
        assert openpgp.sign(b"document")
        assert (language, now) == (Language.EN, self.now)
        self.said.append((to.id, message))


def shanghai(folder: Path) -> Side:
    """China's node, where Wang checks New Zealand's certificates."""
    made = Side(folder / "shanghai", CHINA, (new_zealand(), partner("au", "ecert@daff.example", "AU")))
    made.employ(WANG)
    made.issue(issuer="nz")
    return made


def wellington(folder: Path, *duty: Official) -> Side:
    """New Zealand's node, which issued the certificate, with these duty officers."""
    partners = (partner("cn", CHINA.address, "CN"), partner("jp", "ecert@maff.example", "JP"))
    made = Side(folder / "wellington", WELLINGTON, partners)
    made.employ(*duty)
    made.issue()
    return made
