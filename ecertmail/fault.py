"""Something that is wrong with this node, how much harm it does, and what mends it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum


class Harm(IntEnum):
    """What a fault does, the worst first."""

    STOPS = 1  # the daemon does not start, or does not run
    MAIL = 2  # mail is lost, refused, or does not come in or go out
    SECRET = 3  # others can read or change what must be protected
    LATER = 4  # it delays something now, or will do harm soon
    ADVICE = 5  # it works, and could be better

    @property
    def severity(self) -> str:
        """The word for people and scripts: `error`, `warning` or `notice`."""
        return "error" if self <= Harm.SECRET else "warning" if self is Harm.LATER else "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong.

    `code` is stable, for scripts. `file`, `line` and `key` say where it is configured, where it is; a line of 0 is not
    known. `remedy` is the command that mends it, or what would be right. An `exit_code` other than 0 is that of the
    error behind it.
    """

    code: str
    harm: Harm
    text: str
    remedy: str
    file: str = ""
    line: int = 0
    key: str = ""
    exit_code: int = 0

    @property
    def place(self) -> str:
        """File, line and key as people read them; empty for what is not configured."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.key) if part)

    @property
    def sentence(self) -> str:
        """Where and what, in one line."""
        return f"{self.place}: {self.text}" if self.place else self.text

    def as_json(self) -> dict[str, object]:
        """Return it for scripts."""
        values = asdict(self)
        return {"code": values.pop("code"), "severity": self.harm.severity, **values, "harm": self.harm.name.lower()}


def by_harm(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults in order of harm, each once; those that are alike in harm keep their order."""
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.harm)


def good(faults: Iterable[Fault]) -> bool:
    """Say whether nothing is wrong; a notice is only advice."""
    return all(fault.harm is Harm.ADVICE for fault in faults)


def heading(faults: Iterable[Fault]) -> str:
    """Say in one line how it stands: `good`, or how many errors and warnings there are."""
    severities = [fault.harm.severity for fault in faults]
    counts = ((severities.count(name), name) for name in ("error", "warning"))
    return ", ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count) or "good"
