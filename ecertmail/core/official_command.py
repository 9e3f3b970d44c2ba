"""Commands about officials in a partner's signed mail: who checks certificates for it, and who does no more."""

from collections.abc import Callable, Collection
from dataclasses import replace

from ecertmail.core.address import normal
from ecertmail.core.command_line import WrongError, identity
from ecertmail.core.entity import printable
from ecertmail.core.key_offer import MEDIA_TYPE
from ecertmail.core.mime import Attachment
from ecertmail.enrolment import Deed, Enrolment
from ecertmail.official import Language
from ecertmail.subscription import Command

USAGE = (
    'OFFICIAL ADD ID address=wang@customs.example name="Wang Wei" [post="Port of Shanghai"] [language=zh]',
    "OFFICIAL SUSPEND ID",
    "OFFICIAL LIST",
)

_LONGEST = 100
_KEY = "A key comes with one OFFICIAL ADD, as one public OpenPGP key of the person."


def is_meant(rest: str) -> bool:
    """Say whether what follows the word `official` makes a command of it: many a letter begins with that word."""
    return rest.split(" ", 1)[0].upper() in set(Deed)


def read(command: Command, words: list[str]) -> Command:
    """Read what follows OFFICIAL.

    Raises:
        WrongError: it cannot be understood.
    """
    word = words[0].upper() if words else ""
    if word not in set(Deed):
        raise WrongError("It is followed by ADD, SUSPEND or LIST.")
    deed = Deed(word)
    most = {Deed.ADD: len(words), Deed.SUSPEND: 2, Deed.LIST: 1}[deed]
    if len(words) > most:
        raise WrongError(f"{deed} is followed by {'an ID and nothing else' if deed is Deed.SUSPEND else 'nothing'}.")
    order = Enrolment(deed=deed, official="" if deed is Deed.LIST else identity(words[1:]))
    return replace(command, enrolment=_named(order, words[2:]) if deed is Deed.ADD else order)


def keyed(
    commands: tuple[Command, ...],
    leaves: tuple[Attachment, ...],
    fingerprint: Callable[[bytes], str],
    nodes: Collection[str],
) -> tuple[Command, ...]:
    """Give the key that came with a mail to the official whom it adds.

    Args:
        commands: as they were read.
        leaves: all parts of the mail.
        fingerprint: tells that of one public key, and nothing of anything else.
        nodes: fingerprints of keys that are no person's, such as the sender's, which many mail programs attach.
    """
    adds = [place for place, one in enumerate(commands) if one.enrolment and one.enrolment.deed is Deed.ADD]
    keys = {leaf.data: fingerprint(leaf.data) for leaf in leaves if leaf.type == MEDIA_TYPE}
    keys = {key: name for key, name in keys.items() if name not in nodes}
    if not adds or not keys:
        return commands
    [(key, name)] = list(keys.items())[:1]
    is_one = len(adds) == len(keys) == 1 and name
    return tuple(
        one if place not in adds else _with_key(one, key, name) if is_one else replace(one, wrong=one.wrong or _KEY)
        for place, one in enumerate(commands)
    )


def _with_key(command: Command, key: bytes, fingerprint: str) -> Command:
    assert command.enrolment is not None  # noqa: S101 - only these are given keys
    return replace(command, enrolment=replace(command.enrolment, public_key=key, fingerprint=fingerprint))


def _named(order: Enrolment, words: list[str]) -> Enrolment:
    seen: set[str] = set()
    for word in words:
        name, mark, value = word.partition("=")
        kind = name.lower() if mark else "address"
        if kind in seen:
            raise WrongError(f"{printable(kind)[:20]} stands there twice.")
        seen.add(kind)
        order = _with(order, kind, " ".join(value.replace('"', "").split()) if mark else word)
    for kind in ("address", "name"):
        if not getattr(order, kind):
            raise WrongError(f"It needs {kind}=.")
    return order


def _with(order: Enrolment, kind: str, value: str) -> Enrolment:
    match kind:
        case "address":
            address = normal(value)
            if address is None:
                raise WrongError(f"{printable(value)[:60]} is neither a plain mail address nor an option.")
            return replace(order, address=address)
        case "name" if _is_line(value):
            return replace(order, name=value)
        case "post" if _is_line(value):
            return replace(order, post=value)
        case "language" if value.lower() in set(Language):
            return replace(order, language=Language(value.lower()))
    raise WrongError(f"{printable(kind)[:20]}={printable(value)[:40]} is not understood.")


def _is_line(value: str) -> bool:
    return 0 < len(value) <= _LONGEST and value.isprintable()
