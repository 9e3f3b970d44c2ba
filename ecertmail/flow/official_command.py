"""Carrying out what a partner's signed mail asks about its own officials, in the commit that records the mail.

A partner names people of its own mail domain; anybody else waits for the operator, and so does an address that was
suspended before, whoever suspended it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ecertmail.core.address import base
from ecertmail.enrolment import Deed, Enrolment
from ecertmail.errors import PermanentError
from ecertmail.flow.enrol import Enroller
from ecertmail.flow.order import Order, WrongError, full_id, new_id
from ecertmail.official import Official, OfficialState
from ecertmail.parties import OWN
from ecertmail.ports import EventLog

LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialCommander:
    """Carries out commands about officials; `nodes` are addresses that programs read, ours and our partners'."""

    nodes: Collection[str]
    log: EventLog

    def carry_out(self, order: Order) -> Sequence[str]:
        """Do it, and say what was done.

        Raises:
            WrongError: it cannot be done.
        """
        if order.partner.id == OWN:
            raise WrongError("The issuing system names no officials; the operator of this node does.")
        wanted = order.command.enrolment
        assert wanted is not None  # noqa: S101 - it would be wrong without
        does = {Deed.ADD: self._add, Deed.SUSPEND: self._suspend, Deed.LIST: _list}
        return does[wanted.deed](order, wanted)

    def _add(self, order: Order, wanted: Enrolment) -> Sequence[str]:
        if base(wanted.address) in self.nodes:
            raise WrongError(f"{wanted.address} is read by a program; name a person's own mailbox.")
        official = _official(order, wanted)
        try:
            self._enroller(order).add(official)
        except PermanentError:
            raise WrongError(f"{official.id}, or its address, is taken; see OFFICIAL LIST.") from None
        return _described(official)

    def _suspend(self, order: Order, wanted: Enrolment) -> Sequence[str]:
        found = _found(order, wanted.official)
        if found.state is OfficialState.SUSPENDED:
            raise WrongError(f"{found.id} is suspended already.")
        self._enroller(order).change(found, OfficialState.SUSPENDED)
        return (f"{found.id} is SUSPENDED; nothing counts any more that comes from {found.address}.",)

    def _enroller(self, order: Order) -> Enroller:
        return Enroller(tx=order.tx, log=self.log, now=order.now, by=order.partner.id, spool_id=order.spool_id)


def _official(order: Order, wanted: Enrolment) -> Official:
    partner = order.partner
    known = wanted.address.rpartition("@")[2] in partner.domains
    was = order.tx.officials.by_address(wanted.address)
    suspended = was is not None and was.state is OfficialState.SUSPENDED
    return Official(
        id=new_id(wanted.official, partner), address=wanted.address, name=wanted.name, post=wanted.post,
        language=wanted.language, partner=partner.id,
        state=OfficialState.ACTIVE if known and not suspended else OfficialState.PENDING,
        fingerprint=wanted.fingerprint, public_key=wanted.public_key, approved_by=partner.id, created_at=order.now,
    )  # fmt: skip


def _described(one: Official) -> Sequence[str]:
    waits = one.state is OfficialState.PENDING
    return (
        f"{one.id} is {one.state.upper()}: {one.signs_as}, {one.address}, {one.language}.",
        *(["It waits until the operator of this node approves the address."] if waits else []),
        *([f"Signs with the key {one.fingerprint}."] if one.fingerprint else []),
    )


def _list(order: Order, _wanted: Enrolment) -> Sequence[str]:
    total, officials = order.tx.officials.of(order.partner.id, LISTED)
    lines = [f"{one.id}: {one.state.upper()}, {one.address}, {one.signs_as}, {one.language}" for one in officials]
    if not lines:
        return ("You have no officials here.",)
    return (*lines, f"{total} in all; the first {LISTED} are listed." if total > LISTED else f"{total} in all.")


def _found(order: Order, name: str) -> Official:
    """The partner's own official, whichever way the ID is written; of another one's it learns nothing."""
    names = (full_id(name, order.partner), name)
    found = (order.tx.officials.get(one) for one in names)
    mine = next((one for one in found if one is not None and one.partner == order.partner.id), None)
    if mine is None:
        raise WrongError(f"You have no official {name}; see OFFICIAL LIST.")
    return mine
