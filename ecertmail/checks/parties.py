"""Who takes part: partners, countries, the operator."""

import difflib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ecertmail.checks import where
from ecertmail.config import Config
from ecertmail.core.countries import COUNTRIES
from ecertmail.fault import Fault, Harm
from ecertmail.parties import Partner


def faults(config: Config, _now: datetime) -> Iterator[Fault]:
    """Return what is wrong with the parties of this node."""
    yield from _folder(config)
    yield from _countries(config)
    for partner in config.partners:
        yield from _partner(config, partner)
    yield from _operator(config)


def _folder(config: Config) -> Iterator[Fault]:
    folder = config.path(config.settings.paths.partners)
    place = where.setting(config, "paths", "partners")
    if not folder.is_dir():
        near = _alike(folder)
        remedy = f'set partners = "{near}"' if near else f"make the folder ({folder}), or name the right one"
        text = f"the folder of partners, {folder}, is not there: this node has no partners"
        yield Fault(code="partners-folder", harm=Harm.MAIL, text=text, remedy=remedy, **place)
    elif not os.access(folder, os.R_OK | os.X_OK):
        text = f"this user may not read the folder of partners, {folder}: this node has no partners"
        yield Fault(code="partners-folder", harm=Harm.MAIL, text=text, remedy=f"chown it: see `ls -ld {folder}`",
                    **where.path(folder))  # fmt: skip
    elif not config.partners:
        text = "there is no partner yet: every mail is quarantined"
        remedy = "ecertmail partner add ID KEY_FILE --name NAME --country CC --address ADDRESS"
        yield Fault(code="no-partner", harm=Harm.LATER, text=text, remedy=remedy, **where.path(folder))


def _alike(folder: Path) -> str:
    """Return the name of a folder beside this one that may be meant."""
    try:
        names = [one.name for one in folder.parent.iterdir() if one.is_dir()]
    except OSError:
        return ""
    return next(iter(difflib.get_close_matches(folder.name, names, 1)), "")


def _countries(config: Config) -> Iterator[Fault]:
    if config.authority.country not in COUNTRIES:
        yield _unknown(config.authority.country, where.setting(config, "authority", "country"))
    for partner in config.partners:
        if partner.country not in COUNTRIES:
            yield _unknown(partner.country, where.partner_key(config, partner, "country"))
        for country in sorted(set(partner.issues_for) - COUNTRIES - {partner.country}):
            yield _unknown(country, where.partner_key(config, partner, "issues_for"))


def _unknown(country: str, place: where.Place) -> Fault:
    text = f"{country} is no assigned country code: certificates name another one, and are refused"
    remedy = "set a code of ISO 3166-1 alpha-2 such as NZ (XI, XK and EU are known, too)"
    return Fault(code="country-unknown", harm=Harm.MAIL, text=text, remedy=remedy, **place)


def _partner(config: Config, partner: Partner) -> Iterator[Fault]:
    if config.authority.country in partner.issues_for:
        text = f"partner {partner.id} may issue certificates of our own country, {config.authority.country}"
        remedy = "issues_for names the countries that the partner issues for, not those that it exports to"
        place = where.partner_key(config, partner, "issues_for")
        yield Fault(code="issues-for-us", harm=Harm.LATER, text=text, remedy=remedy, **place)


def _operator(config: Config) -> Iterator[Fault]:
    address = config.settings.operator.address
    place = where.setting(config, "operator", "address")
    if not address:
        text = "nobody is mailed the daily report: alarms and quarantined mails are seen only by who looks"
        remedy = "set the mail address of a person or a team"
        yield Fault(code="no-operator", harm=Harm.ADVICE, text=text, remedy=remedy, **place)
    elif address.lower() in config.nodes:
        text = f"the daily report goes to {address}, which a program reads, not a person"
        yield Fault(code="operator-is-node", harm=Harm.MAIL, text=text,
                    remedy="set the mail address of a person or a team", **place)  # fmt: skip
