"""Commands that a partner sends as text in a signed mail: one a line, at the beginning of the first text.

Reading ends at the first line that is no command, such as a signature or a quotation, so nothing that is merely carried
along is ever taken for one. A line that is meant as a command and is wrong is answered with what would be right.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches

from ecertmail.core import official_command
from ecertmail.core.address import normal
from ecertmail.core.command_line import WrongError, identity
from ecertmail.core.entity import printable
from ecertmail.core.mime import Attachment
from ecertmail.core.profiles import PROFILES
from ecertmail.model import CertificateStatus
from ecertmail.subscription import Bundle, Command, Verb

MOST = 10
USAGE = {
    Verb.SUBSCRIBE: "SUBSCRIBE ID [ADDRESS] [importing=CN,JP] [exporting=NZ] [type=851] [product=0204] [port=Shanghai]"
    ' [status=70] [profile=sps-d17a] [digest] [schedule="0 6 * * *"] [zone=Asia/Shanghai]',
    Verb.UNSUBSCRIBE: "UNSUBSCRIBE ID",
    Verb.STATUS: "STATUS",
    Verb.RESEND: "RESEND ID SINCE 2026-01-01",
    Verb.OFFICIAL: "; or ".join(official_command.USAGE),
    Verb.HELP: "HELP",
}

_READ, _LONGEST, _VALUES = 20_000, 1000, 50
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_CONTINUED = re.compile(r"[a-z]+=\S")


def read(leaves: tuple[Attachment, ...]) -> tuple[Command, ...]:
    """Find the commands in a signed mail; none if it does not begin with one."""
    text = next((leaf for leaf in leaves if leaf.type == "text/plain"), None)
    if text is None or text.filename:
        return ()
    found = dict.fromkeys(_lines(text.data[:_READ].decode("utf-8", "replace")))
    return tuple(map(one, list(found)[:MOST]))


def one(line: str) -> Command:
    """Read one line; what is wrong with it stands in the command."""
    word, _, rest = _straight(line).partition(" ")
    [verb] = _verbs(word, rest) or [Verb.HELP]
    command = Command(line=printable(line)[:_LONGEST], verb=verb)
    try:
        return _understood(command, len(line), word, rest)
    except WrongError as wrong:
        return replace(command, wrong=f"{wrong} Right is: {USAGE[verb]}")


def _understood(command: Command, length: int, word: str, rest: str) -> Command:
    if length > _LONGEST or rest.count('"') % 2:
        raise WrongError(f"A line has at most {_LONGEST} characters, and each quotation mark its other one.")
    if word.upper() != command.verb:
        raise WrongError(f"{printable(word)[:40]} is no command.")
    return _READERS[command.verb](command, _WORD.findall(rest))


def _lines(text: str) -> Iterator[str]:
    """The lines up to the first that is no command; one that a mail program broke before an option is put together."""
    held = ""
    for line in filter(None, map(str.strip, text.lstrip("\ufeff").splitlines())):
        if held and _CONTINUED.match(line):
            held = f"{held} {line}"
            continue
        if held:
            yield held
        held = line
        word, _, rest = _straight(line).partition(" ")
        if not _verbs(word, rest):
            return
    if held:
        yield held


def _verbs(word: str, rest: str) -> list[Verb]:
    """The verb that a word is or, written in capitals, nearly is."""
    if word.upper() == Verb.OFFICIAL and not word.isupper() and not official_command.is_meant(rest):
        return []
    if word.upper() in USAGE:
        return [Verb(word.upper())]
    near = get_close_matches(word, list(USAGE), 1, 0.8) if word.isalpha() and word.isupper() and len(word) < 20 else []
    return [Verb(match) for match in near]


def _straight(line: str) -> str:
    """The line with single blanks, and with the quotation marks that mail programs make curly straight."""
    return " ".join(re.sub("[\u201c\u201d\u201e\u00ab\u00bb]", '"', line).split())


def _subscribe(command: Command, words: list[str]) -> Command:
    command = replace(command, subscription=identity(words))
    seen: set[str] = set()
    for word in words[1:]:
        name, mark, value = word.partition("=")
        kind = name.lower() if mark or name.lower() == "digest" else "address"
        if kind in seen:
            raise WrongError(f"{kind} stands there twice.")
        seen.add(kind)
        command = _with(command, kind, value.replace('"', "") if mark else word)
    return command


def _with(command: Command, kind: str, value: str) -> Command:
    match kind:
        case "address":
            address = normal(value)
            if address is None:
                raise WrongError(f"{printable(value)[:60]} is neither a plain mail address nor an option.")
            return replace(command, address=address)
        case "digest":
            return replace(command, bundle=Bundle.DIGEST)
        case "schedule" if len(value) <= 100:
            return replace(command, schedule=value.strip())
        case "zone" if re.fullmatch(r"[A-Za-z0-9_+-]{1,20}(/[A-Za-z0-9_+-]{1,20}){0,2}", value):
            return replace(command, time_zone=value)
        case _ if kind in _FILTERS:
            field, fits = _FILTERS[kind]
            chosen = {field: _values(kind, value, fits)}
            return replace(command, filter=replace(command.filter, **chosen))
    raise WrongError(f"{printable(kind)[:20]}={printable(value)[:40]} is not understood.")


def _values(kind: str, value: str, fits: Callable[[str], bool]) -> tuple[str, ...]:
    values = [part.strip() for part in value.split(",")]
    if kind in {"importing", "exporting"}:
        values = [part.upper() for part in values]
    if len(values) > _VALUES:
        raise WrongError(f"{kind} has more than {_VALUES} values.")
    for wrong in (part for part in values if not fits(part)):
        raise WrongError(f"{kind} cannot be {printable(wrong)[:40] or '(nothing)'}.")
    return tuple(dict.fromkeys(values))


def _fits(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


_FILTERS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "importing": ("importing", _fits("[A-Z]{2}")),
    "exporting": ("exporting", _fits("[A-Z]{2}")),
    "type": ("types", _fits("[A-Za-z0-9]{1,10}")),
    "status": ("statuses", lambda value: value in {status.value for status in CertificateStatus}),
    "product": ("products", _fits("[0-9]{2,10}")),
    "port": ("ports", lambda value: 0 < len(value) <= 60 and value.isprintable()),
    "profile": ("profiles", lambda value: value in {profile.name for profile in PROFILES}),
}


def _resend(command: Command, words: list[str]) -> Command:
    if len(words) != 3 or words[1].upper() != "SINCE":
        raise WrongError("It needs an ID and a day.")
    since = _day(words[2])
    if since is None:
        raise WrongError(f"{printable(words[2])[:20]} is no day.")
    return replace(command, subscription=identity(words), since=since)


def _day(word: str) -> date | None:
    try:
        return date.fromisoformat(word) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word) else None
    except ValueError:
        return None


def _unsubscribe(command: Command, words: list[str]) -> Command:
    if len(words) > 1:
        raise WrongError("It needs an ID and nothing else.")
    return replace(command, subscription=identity(words))


def _bare(command: Command, words: list[str]) -> Command:
    if words:
        raise WrongError(f"{command.verb} stands alone.")
    return command


_READERS: Mapping[Verb, Callable[[Command, list[str]], Command]] = {
    Verb.SUBSCRIBE: _subscribe,
    Verb.UNSUBSCRIBE: _unsubscribe,
    Verb.STATUS: _bare,
    Verb.RESEND: _resend,
    Verb.OFFICIAL: official_command.read,
    Verb.HELP: _bare,
}
