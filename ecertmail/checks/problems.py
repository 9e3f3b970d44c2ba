"""The one list of what is wrong with a running node, for `status`, `doctor`, the daily report and the metrics."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from ecertmail.checks import permissions, storage
from ecertmail.checks.standing import Daemon, Standing
from ecertmail.config import Config
from ecertmail.core import notice
from ecertmail.core.mailbox import Trouble
from ecertmail.fault import Fault, Harm, by_harm
from ecertmail.store.fetched import Summary
from ecertmail.store.overview import QUARANTINE_DAYS, TROUBLE_DAYS, Overview
from ecertmail.subscription import SubscriptionState

MESSAGE_WAITS = timedelta(minutes=5)
DELIVERY_WAITS = timedelta(hours=4)
BACKUP_AGE = timedelta(days=3)
CLOCK_BACK = timedelta(minutes=2)
WAL_OCTETS = 100_000_000
KEY_ENDED = "key-ended"
_FEW = 5

_ALARMS: dict[str, tuple[Harm, str]] = {
    "delivery": (Harm.MAIL, "ecertmail delivery show {id}"),
    "subscriber": (Harm.MAIL, "mend the address, then `ecertmail subscriber resume {id}`"),
    "acknowledgement": (Harm.MAIL, "ask the partner for a key that can be encrypted to, then close {what}"),
    "mailbox": (Harm.MAIL, "ecertmail mailbox test {id}"),
    "smarthost": (Harm.MAIL, "ecertmail check-config --online"),
    "clock": (Harm.LATER, "timedatectl set-ntp true; then `ecertmail alarm close {what}`"),
    "inquiry": (Harm.LATER, "ecertmail inquiry show {id}"),
    "refusal": (Harm.LATER, "ecertmail lookup {id}; then `ecertmail alarm close {what}`"),
    "misses": (Harm.LATER, "call the official, then `ecertmail alarm close {what}`"),
}  # fmt: skip
"""What an alarm harms and what mends it, by the word before the colon of its name; another alarm is closed by hand."""
_ANY_ALARM = (Harm.LATER, "see to it, then `ecertmail alarm close {what}`")

_WAITS = {
    SubscriptionState.PENDING: (Harm.ADVICE, "ecertmail subscriber approve {id}"),
    SubscriptionState.PAUSED: (Harm.ADVICE, "ecertmail subscriber resume {id}"),
}


def problems(config: Config, standing: Standing, now: datetime) -> list[Fault]:
    """Return everything that is wrong, in order of harm; an empty list means that all is good."""
    found = [*permissions.access(config.spool), *standing.unread, *storage.space(config.spool)]
    found += [*_daemon(standing), *_logs(config, standing), *_keys(standing, now), *_alarms(standing)]
    found += _backup(standing, now)
    found += [fault for summary in standing.mailboxes for fault in _mailbox(config, standing, summary, now)]
    if standing.seen is not None:
        found += [fault for judge in _JUDGES for fault in judge(config, standing.seen, now)]
    return by_harm(found)


def _daemon(standing: Standing) -> Iterator[Fault]:
    if standing.daemon is Daemon.STOPPED:
        text = "the daemon does not run: no mail comes in or goes out"
        yield Fault(code="daemon", harm=Harm.STOPS, text=text,
                    remedy="systemctl start ecertmail; if it ends again: journalctl -u ecertmail -n 20")  # fmt: skip
    elif standing.daemon is Daemon.SILENT:
        text = "the daemon does not answer, or this user may not ask it"
        yield Fault(code="daemon", harm=Harm.STOPS, text=text,
                    remedy="run this as the daemon's user; else: systemctl restart ecertmail")  # fmt: skip


def _logs(config: Config, standing: Standing) -> Iterator[Fault]:
    for name, octets in standing.log_octets.items():
        if octets > WAL_OCTETS:
            text = f"{config.spool / name}-wal has {octets // 1_000_000} MB: some program reads the database for long"
            yield Fault(code="wal", harm=Harm.LATER, text=text,
                        remedy=f"end what reads it (`fuser {config.spool / name}`)")  # fmt: skip


def _backup(standing: Standing, now: datetime) -> Iterator[Fault]:
    made = standing.backup
    remedy = "ecertmail backup DIR, every night: see the chapter on backup in the operator guide"
    if made is None:
        yield Fault(code="backup", harm=Harm.ADVICE, text="no backup of this node was ever made", remedy=remedy)
    elif made.made_at < now - BACKUP_AGE:
        text = f"the last backup was made at {made.made_at:%Y-%m-%d %H:%M}"
        yield Fault(code="backup", harm=Harm.LATER, text=text, remedy=remedy)


def _keys(standing: Standing, now: datetime) -> Iterator[Fault]:
    """Return the keys that end; one that ended is harmless where its owner has another."""
    provided = {life.owner for life in standing.keys if life.ends_at is None or life.ends_at > now}
    for warned in notice.ending(standing.keys, now):
        owner = warned.key.owner
        harm = Harm.LATER if 0 <= warned.days <= 7 else Harm.ADVICE
        harm = Harm.MAIL if warned.days < 0 and owner not in provided else harm
        remedy = f"ask for the new key, then `ecertmail partner keys add {owner.split()[-1]} KEY_FILE`"
        if owner == "this node":
            remedy = "see the chapter on partners in the operator guide: this node's own new key"
        code = KEY_ENDED if warned.days < 0 else "key-ends"
        yield Fault(code=code, harm=harm, text=warned.sentence.removesuffix("."), remedy=remedy)


def _alarms(standing: Standing) -> Iterator[Fault]:
    """Return a fault for each alarm; many of one kind are one fault."""
    kinds = Counter(alarm.what.partition(":")[0] for alarm in standing.alarms)
    for kind, count in kinds.items():
        harm, remedy = _ALARMS.get(kind, _ANY_ALARM)
        if count > _FEW:
            text = f"{count} alarms about {kind}: {next(iter(standing.alarms)).text}, and others"
            yield Fault(code="alarm", harm=harm, text=text, remedy="ecertmail alarm list")
            continue
        for alarm in standing.alarms:
            name, _, number = alarm.what.partition(":")
            if name == kind:
                yield Fault(code="alarm", harm=harm, text=f"{alarm.what}: {alarm.text}",
                            remedy=remedy.format(id=number, what=alarm.what))  # fmt: skip


def _mailbox(config: Config, standing: Standing, summary: Summary, now: datetime) -> Iterator[Fault]:
    health, remedy = summary.health, f"ecertmail mailbox test {summary.name}"
    section = next(one for one in config.settings.mailbox if one.name == summary.name)
    late = timedelta(seconds=max(3 * section.interval_seconds, 900))
    if health.trouble is not Trouble.NONE:
        text = f"mailbox {summary.name} is not read ({health.trouble}, {health.failures} times): {health.error}"
        yield Fault(code="mailbox", harm=Harm.MAIL, text=text, remedy=remedy)
    elif standing.daemon is Daemon.RUNNING and health.polled_at is not None and health.polled_at < now - late:
        text = f"mailbox {summary.name} was last read at {health.polled_at:%Y-%m-%d %H:%M}"
        yield Fault(code="mailbox", harm=Harm.MAIL, text=text, remedy=remedy)
    if summary.left_out:
        text = f"{summary.left_out} mails stay unread in mailbox {summary.name}: too large, or not given by its server"
        yield Fault(code="mailbox-left-out", harm=Harm.LATER, text=text,
                    remedy="look at them there: the log has `mailbox.left-out` for each")  # fmt: skip


def _waiting(_config: Config, seen: Overview, now: datetime) -> Iterator[Fault]:
    if seen.oldest_message is not None and seen.oldest_message < now - MESSAGE_WAITS:
        text = f"a mail waits for its verdict since {seen.oldest_message:%Y-%m-%d %H:%M}"
        yield Fault(code="spool-waits", harm=Harm.MAIL, text=text,
                    remedy="journalctl -u ecertmail -p warning: `process.waiting` says why")  # fmt: skip
    if seen.oldest_delivery is not None and seen.oldest_delivery < now - DELIVERY_WAITS:
        text = f"a mail waits to be sent since {seen.oldest_delivery:%Y-%m-%d %H:%M}"
        yield Fault(code="delivery-waits", harm=Harm.MAIL, text=text,
                    remedy="ecertmail delivery list, then `ecertmail check-config --online`")  # fmt: skip


def _receipts(_config: Config, seen: Overview, _now: datetime) -> Iterator[Fault]:
    if seen.lost_receipts:
        count, first = len(seen.lost_receipts), seen.lost_receipts[0]
        text = f"{count} receipts of the last {TROUBLE_DAYS} days failed for good; the partners wait for them"
        yield Fault(code="receipt-failed", harm=Harm.MAIL, text=text,
                    remedy=f"ecertmail delivery show {first}, then `ecertmail delivery retry {first}` or `cancel`; "
                    "all: ecertmail delivery list --state failed --state expired")  # fmt: skip


def _quota(config: Config, seen: Overview, _now: datetime) -> Iterator[Fault]:
    limit = config.policy.replies_per_hour
    if seen.delayed:
        until = f"{seen.delayed_until:%Y-%m-%d %H:%M}"
        text = f"{seen.delayed} answers are delayed until {until} at the latest"
        yield Fault(code="delayed", harm=Harm.LATER, text=text, remedy="nothing, or raise [policy] replies_per_hour")
    for address, count in seen.replies.items():
        if count >= limit:
            text = f"{address} gets {count} mails within an hour, as many as [policy] replies_per_hour allows"
            yield Fault(code="quota", harm=Harm.LATER, text=text,
                        remedy="raise [policy] replies_per_hour, or look for a loop")  # fmt: skip


def _clock(_config: Config, seen: Overview, now: datetime) -> Iterator[Fault]:
    newest = seen.newest_message
    if newest is not None and newest > now + CLOCK_BACK:
        text = f"the clock went back: it is {now:%Y-%m-%d %H:%M}, and the newest mail came at {newest:%Y-%m-%d %H:%M}"
        yield Fault(code="clock-back", harm=Harm.MAIL, text=text, remedy="timedatectl set-ntp true")


def _quarantine(config: Config, seen: Overview, _now: datetime) -> Iterator[Fault]:
    """Name partners whose address stands in quarantined mails: perhaps forged, perhaps a partner in trouble."""
    partners = {address.lower(): one.id for one in config.partners for address in one.addresses}
    theirs: dict[str, list[str]] = {}
    for mail in seen.quarantined:
        if (partner := partners.get(mail.reverse_path.lower())) is not None:
            theirs.setdefault(partner, []).append(f"{mail.id} ({mail.reason})")
    for partner, mails in theirs.items():
        text = f"{len(mails)} mails with an address of partner {partner} went to quarantine in {QUARANTINE_DAYS} days"
        yield Fault(code="quarantine-partner", harm=Harm.LATER, text=f"{text}, the newest {mails[0]}",
                    remedy=f"ecertmail spool show {mails[0].split()[0]}, then call the partner")  # fmt: skip
    if gave_up := [mail.id for mail in seen.quarantined if mail.reason == "no-verdict"]:
        text = f"{len(gave_up)} mails could not be processed and went to quarantine"
        yield Fault(code="no-verdict", harm=Harm.MAIL, text=text, remedy=f"ecertmail spool show {gave_up[0]}")


def _subscribers(_config: Config, seen: Overview, _now: datetime) -> Iterator[Fault]:
    for one in seen.subscriptions:
        if one.state in _WAITS:
            harm, remedy = _WAITS[one.state]
            text = f"subscriber {one.id} is {one.state.value}: {one.reason or 'by an operator'}"
            yield Fault(code="subscriber", harm=harm, text=text, remedy=remedy.format(id=one.id))
        elif counted := seen.trouble.get(one.address):
            counts = ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
            text = f"mails to subscriber {one.id} came to nothing in {TROUBLE_DAYS} days: {counts}"
            yield Fault(code="subscriber", harm=Harm.LATER, text=text,
                        remedy=f"ecertmail delivery list --to {one.address}")  # fmt: skip


def _people(_config: Config, seen: Overview, _now: datetime) -> Iterator[Fault]:
    if pending := seen.officials.get("pending"):
        yield Fault(code="official", harm=Harm.ADVICE, text=f"{pending} officials wait for approval",
                    remedy="ecertmail official list, then `ecertmail official approve ID`")  # fmt: skip
    if seen.inquiries.overdue:
        text = f"{seen.inquiries.overdue} inquiries should have been answered"
        yield Fault(code="inquiry", harm=Harm.LATER, text=text, remedy="ecertmail inquiry list")


_Judge = Callable[[Config, Overview, datetime], Iterable[Fault]]
_JUDGES: tuple[_Judge, ...] = (_waiting, _receipts, _quota, _clock, _quarantine, _subscribers, _people)
