"""China's desk for officials: everything real but the mail that goes to other nodes, which is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count

from ecertmail.conversation import Message
from ecertmail.core.deadline import Hours
from ecertmail.core.reply import quote
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.flow.arrival import Arrivals
from ecertmail.flow.deciding import Deciding
from ecertmail.flow.desk import Desk
from ecertmail.flow.inquire import Inquirer
from ecertmail.flow.inquiry_book import InquiryBook
from ecertmail.flow.inquiry_post import InquiryPost
from ecertmail.flow.look_up import LookUps
from ecertmail.flow.offer import Offers
from ecertmail.flow.post import Post
from ecertmail.flow.respond import Responder
from ecertmail.flow.visit import Visit
from ecertmail.official import Decided, Language, Official, Role
from ecertmail.parties import Demands, Partner, Policy
from ecertmail.ports import EventLog
from tests.builders import CHINA, NOW, POLICY, australia, new_zealand

_ids = count(1)
SECRET = b"a secret of tickets, 32 octets.."
LI = Official(
    id="li-wei", address="li.wei@customs.example", name="Li Wei", post="Shanghai", language=Language.EN,
    partner="self", created_at=NOW,
)  # fmt: skip
ZHAO = Official(
    id="zhao", address="zhao@customs.example", name="Zhao Min", post="Beijing", language=Language.ZH,
    partner="self", role=Role.ANSWERS, created_at=NOW,
)  # fmt: skip
ANA = Official(
    id="nz-ana", address="ana@mpi.example", name="Ana", post="Auckland", language=Language.EN, partner="nz",
    created_at=NOW,
)  # fmt: skip


@cache
def templates() -> JinjaTemplates:
    return JinjaTemplates(quote.ABOVE)


@dataclass
class Border:
    """The desk, with what it announced to partners."""

    log: EventLog
    partners: Sequence[Partner] = field(default_factory=lambda: (new_zealand(), australia()))
    demands: Demands = field(default_factory=Demands)
    remark_length: int = 4000
    announced: list[tuple[str, Decided, Message | None]] = field(default_factory=list)
    life: timedelta = timedelta(days=30)
    tells: bool = True
    policy: Policy = POLICY

    def __post_init__(self) -> None:
        known = {partner.id: partner for partner in self.partners}
        self.post = Post(
            authority=CHINA, policy=self.policy, templates=templates(), secret=SECRET, life=self.life,
            new_message_id=lambda: f"<letter-{next(_ids)}@customs.example>", log=self.log,
        )  # fmt: skip
        self.look_ups = LookUps(authority=CHINA, partners=known, misses_to_alarm=5, log=self.log)
        offers = Offers(post=self.post, look_ups=self.look_ups)
        letters = InquiryPost(post=self.post, show=offers.plain, offer=offers.one)
        book = InquiryBook(hours=Hours(), log=self.log)
        inquirer = Inquirer(
            partners=known, post=letters, book=book, file_octets=1_000_000, announce=lambda *_: None, log=self.log
        )
        self.responder = Responder(inquiries=inquirer.receive, log=self.log)
        deciding = Deciding(
            partners=known, look_ups=self.look_ups, opens=inquirer.open, settles=inquirer.settle,
            announce=self._announce, remark_length=self.remark_length, log=self.log,
        )  # fmt: skip
        self.desk = Desk(
            post=self.post, deciding=deciding, look_ups=self.look_ups, offers=offers, answered=inquirer.answered,
            demands=self._demanded, log=self.log,
        )  # fmt: skip
        self.arrivals = Arrivals(post=self.post, look_ups=self.look_ups)

    def _demanded(self, official: Official) -> Demands | None:
        if official.partner == "self":
            return self.demands
        return next((one.demands for one in self.partners if one.id == official.partner), None)

    def _announce(self, _visit: Visit, partner: Partner, decided: Decided, message: Message | None) -> bool:
        self.announced.append((partner.id, decided, message))
        return self.tells
