"""What is written down of inquiries: when they wait for an answer and when no more, and what was said in them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ecertmail.conversation import Inquiry, InquiryState, Turn, Utterance
from ecertmail.core import deadline, inquiry_record, record
from ecertmail.core.deadline import Hours
from ecertmail.flow.inquiry_post import Commit
from ecertmail.ports import EventLog


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryBook:
    """Writes within the commit of whatever happens; an alarm about an inquiry ends with its waiting."""

    hours: Hours
    log: EventLog

    def begin(
        self, commit: Commit, issuer: str, number: str, partner: str, official: str = "", reference: str = ""
    ) -> Inquiry:
        """Open an inquiry, which waits from now on."""
        opened = Inquiry(
            id=0, issuer=issuer, number=number, partner=partner, official=official, reference=reference,
            state=InquiryState.OPEN, opened_at=commit.now, due_at=commit.now + self.hours.answer_within,
        )  # fmt: skip
        return commit.tx.inquiries.open(opened)

    def again(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        """Wait anew: what silence led to before counts no more."""
        due = commit.now + self.hours.answer_within
        changed = replace(inquiry, opened_at=commit.now, due_at=due, reminded_at=None, escalated_at=None)
        return self.move(commit, changed, InquiryState.OPEN)

    def answered(self, commit: Commit, inquiry: Inquiry) -> Inquiry:
        """Wait no more; an inquiry that was closed meanwhile stays so."""
        is_open = inquiry.state is InquiryState.OPEN
        return self.move(commit, inquiry, InquiryState.ANSWERED if is_open else inquiry.state)

    def move(self, commit: Commit, inquiry: Inquiry, state: InquiryState) -> Inquiry:
        """Put an inquiry into a state, in which it has no alarm."""
        changed = replace(inquiry, state=state)
        commit.tx.inquiries.put(changed)
        if commit.tx.clear_alarm(deadline.alarm(changed), commit.now):
            self.log.info("alarm.cleared", alarm=deadline.alarm(changed))
        return changed

    def say(
        self,
        commit: Commit,
        inquiry: Inquiry,
        said: Utterance,
        *,
        official: str = "",
        spool_id: str = "",
        decision: int | None = None,
    ) -> Utterance:
        """Write down what was said, and an entry with its hashes; return it with the entry."""
        facts = inquiry_record.of_utterance(
            inquiry, said, commit.now, official=official, spool_id=spool_id, decision=decision
        )
        said = replace(said, entry=commit.tx.append([("inquiry", record.canonical(facts))])[0])
        commit.tx.inquiries.say(inquiry.id, said)
        self.log.info(
            f"inquiry.{said.turn.value}", inquiry=inquiry.name, number=inquiry.number, partner=inquiry.partner,
            official=official or None, entry=said.entry,
        )  # fmt: skip
        return said

    def alarm(self, commit: Commit, inquiry: Inquiry, text: str) -> None:
        """Raise an alarm, or change the words of the one that there is."""
        if commit.tx.raise_alarm(deadline.alarm(inquiry), text, commit.now):
            self.log.error("alarm.raised", alarm=deadline.alarm(inquiry), text=text)


def question(newest: Iterator[Utterance]) -> Utterance:
    """Return what was asked last, of all that was said, the newest first; every inquiry begins with a question."""
    return next(one for one in newest if one.turn is Turn.REQUEST)
