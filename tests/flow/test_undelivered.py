"""Mails that do not arrive: who hears of it, what counts against an address, and what a blocked mail server does."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ecertmail.delivery import Alarm, Attempt, Attempted, Delivery
from ecertmail.flow.reconcile import Reconciler
from tests.flow.fakes import Smarthost
from tests.flow.test_deliver import MINUTE, START, PostRoom

DAY = timedelta(days=1)
SENT, REFUSED, TEMPORARY = Attempted.SENT, Attempted.REFUSED, Attempted.TEMPORARY
AWAY, SESSION, SENDER, RELAY = Attempted.AWAY, Attempted.SESSION, Attempted.SENDER, Attempted.RELAY


class Particular:
    """A mail server that answers by kind of mail and domain, as told, and otherwise takes everything."""

    def __init__(self, **answers: Attempted) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def send(self, delivery: Delivery) -> Attempt:
        self.asked.append(delivery.kind)
        found = (self.answers.get(name) for name in ("all", delivery.kind, delivery.domain.partition(".")[0]))
        outcome = next(filter(None, found), SENT)
        return Attempt(outcome=outcome, reply="250 OK" if outcome is SENT else f"550 5.7.1 no {outcome}")


class Office(PostRoom):
    """A post room with an operator."""

    def stage_mail(self, name: str, kind: str, *, mail: int = 0, to: str = "") -> int:
        """Stage a mail, or an earlier one again, and return the mail's number."""
        with self.ledger.transaction() as tx:
            mail = mail or tx.put_mail(f"<{name}@cn.example>", name.encode())
            assert tx.stage(mail, kind, to or f"{name}@{name}.example", "", self.now)
        return mail

    def alarms(self) -> list[Alarm]:
        with self.ledger.transaction() as tx:
            return tx.alarms()

    def names(self) -> list[str]:
        return [alarm.what for alarm in self.alarms()]

    def command(self, do: str, number: int) -> None:
        reconciler = Reconciler(ledger=self.ledger, log=self.log)
        reconciler.command({"do": f"delivery.{do}", "id": str(number)}, self.now)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("kind", ["receipt", "push", "letter", "notice", "acknowledgement"])
async def test_whatever_is_refused_for_good_is_an_alarm_that_names_the_cause_and_the_remedy(
    office: Office, kind: str
) -> None:
    office.stage_mail("nz", kind)
    await office.deliver(Smarthost(REFUSED))
    [alarm] = office.alarms()
    assert alarm.what == "delivery:1"
    assert alarm.text == (
        f"{kind} to nz@nz.example: refused: it was refused; `ecertmail delivery retry 1` sends it again"
    )


async def test_the_daily_report_itself_is_no_alarm(office: Office) -> None:
    office.stage_mail("operator", "report")
    await office.deliver(Smarthost(REFUSED))
    assert office.alarms() == []


async def test_what_is_given_up_is_an_alarm(office: Office) -> None:
    office.stage_mail("nz", "receipt")
    await office.deliver_for(Smarthost(TEMPORARY), 2 * timedelta(hours=1))
    [alarm] = office.alarms()
    assert "given up, the last reply was: it was temporary" in alarm.text


@pytest.mark.parametrize("do", ["retry", "cancel", "close"])
async def test_the_alarm_ends_when_the_operator_sees_to_it_and_comes_back_when_it_fails_again(
    office: Office, do: str
) -> None:
    office.stage_mail("nz", "receipt")
    await office.deliver(Smarthost(REFUSED))
    office.command(do, 1)
    assert office.names() == []
    await office.deliver(Smarthost(REFUSED))
    assert office.names() == (["delivery:1"] if do == "retry" else [])


async def test_the_alarm_ends_when_the_same_mail_goes_out_after_all(office: Office) -> None:
    """The partner sends its mail again, and the same receipt is a second delivery."""
    mail = office.stage_mail("nz", "receipt")
    office.stage_mail("au", "receipt")
    await office.deliver(Smarthost(REFUSED))
    assert office.names() == ["delivery:1", "delivery:2"]
    office.stage_mail("nz", "receipt", mail=mail)
    await office.deliver(Smarthost(SENT))
    assert office.names() == ["delivery:2"]
    assert office.log.events[-1] == ("info", "alarm.cleared")


async def test_refusals_count_by_day_like_bounces_and_what_is_no_recipients_fault_does_not(office: Office) -> None:
    for day, outcome in enumerate((REFUSED, REFUSED, SESSION, SENDER, RELAY, AWAY, TEMPORARY)):
        office.now = START + day * DAY
        office.stage_mail(f"push-{day}", "push", to="li@nz.example")
        await office.deliver(Particular(all=outcome))
    with office.ledger.transaction() as tx:
        assert tx.bounced_days("li@nz.example", START - DAY) == 2


# The mail server


@pytest.mark.parametrize("outcome", [SESSION, SENDER, RELAY])
async def test_a_server_that_refuses_this_node_is_one_alarm_and_the_mails_wait(
    office: Office, outcome: Attempted
) -> None:
    office.stage("a", "b", "c")
    await office.deliver(Smarthost(outcome))
    assert (office.states(), office.names()) == ({"deferred": 3}, ["smarthost"])
    [alarm] = office.alarms()
    assert f"it was {outcome}" in alarm.text
    assert "[send]" in alarm.text
    assert office.log.events.count(("error", "alarm.raised")) == 1


async def test_a_server_that_is_away_is_an_alarm_only_when_it_stays_away(office: Office) -> None:
    office.stage("a")
    assert await office.deliver_for(Smarthost(AWAY), 5 * MINUTE) == [0, 1]
    assert office.alarms() == []
    office.now = START + 6 * MINUTE
    await office.deliver(Smarthost(AWAY))
    assert office.names() == ["smarthost"]


async def test_the_alarm_ends_by_itself_with_the_next_success_and_what_waited_is_due_at_once(office: Office) -> None:
    office.stage("a", "b", "c")
    deliverer = office.deliverer(Smarthost(SESSION, SESSION, SESSION, SESSION, SESSION, SESSION, SENT))
    await deliverer.deliver_due()
    office.now += MINUTE
    await deliverer.deliver_due()
    office.command("retry", 2)
    await deliverer.deliver_due()
    assert (office.states(), office.names()) == ({"delivered": 3}, [])
    assert office.log.events.count(("info", "alarm.cleared")) == 1


async def test_a_receipt_that_goes_out_does_not_end_the_alarm_while_pushes_are_refused(office: Office) -> None:
    """Receipts have no envelope sender and pushes one of their own: a server may take only one of them."""
    host = Particular(push=SENDER)
    deliverer = office.deliverer(host)
    for name, kind in (("a", "push"), ("b", "receipt"), ("c", "receipt")):
        office.stage_mail(name, kind)
        await deliverer.deliver_due()
    assert (office.states(), office.names()) == ({"deferred": 1, "delivered": 2}, ["smarthost"])
    host.answers = {}
    office.now += MINUTE
    await deliverer.deliver_due()
    assert (office.states(), office.names()) == ({"delivered": 3}, [])
    assert host.asked == ["push", "receipt", "receipt", "push"]


async def test_a_server_that_relays_nowhere_else_stays_an_alarm_while_it_takes_local_mail(office: Office) -> None:
    deliverer = office.deliverer(Particular(nz=RELAY))
    for name in ("nz", "cn"):
        office.stage_mail(name, "receipt")
        await deliverer.deliver_due()
    assert (office.states(), office.names()) == ({"deferred": 1, "delivered": 1}, ["smarthost"])


async def test_a_restart_tries_at_once_what_the_server_refused(office: Office) -> None:
    office.stage("b")
    await office.deliver(Smarthost(TEMPORARY))
    office.stage("a")
    await office.deliver(Smarthost(SESSION))
    office.outbox.release(office.now)
    host = Smarthost(SENT)
    await office.deliver(host)
    assert [mail.octets for mail in host.taken] == [b"a"]
    assert office.names() == []


async def test_a_session_that_is_refused_for_days_ends_in_an_alarm_for_each_mail(office: Office) -> None:
    office.stage("a")
    await office.deliver_for(Smarthost(SESSION), timedelta(hours=2))
    assert (office.states(), office.names()) == ({"expired": 1}, ["smarthost", "delivery:1"])


async def test_what_was_acknowledged_meanwhile_is_no_alarm(office: Office) -> None:
    """The receipt was faster than the server's answer, which then was a refusal."""
    office.stage_mail("nz", "receipt")

    class Fast(Smarthost):
        async def send(self, delivery: Delivery) -> Attempt:
            with office.ledger.db.writing() as cursor:
                cursor.execute("UPDATE delivery SET state='acknowledged'")
            return await super().send(delivery)

    await office.deliver(Fast(REFUSED))
    assert office.alarms() == []
