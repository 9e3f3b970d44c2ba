"""The configuration: one frozen object, read once; a mistake is told with file, line, key and what would be right.

Paths in it are relative to the folder of the file. A partner is a TOML file beside a key file in `partners/`.
"""

import difflib
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ecertmail.core.profiles import PROFILES
from ecertmail.errors import ConfigError, unreadable
from ecertmail.fields import Section
from ecertmail.official import Official
from ecertmail.official_sections import demands, unreachable
from ecertmail.parties import OWN, Assurance, Authority, Demands, Encryption, Partner, PinnedKey, Policy
from ecertmail.settings import PartnerFile, Settings

_T = TypeVar("_T", bound=BaseModel)


class Config(Section):
    """Everything that was configured, with absolute paths; handed down as plain values."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    file: Path
    settings: Settings
    partners: tuple[Partner, ...]
    key_files: dict[str, Path]

    @property
    def authority(self) -> Authority:
        """Who runs this node."""
        section = self.settings.authority
        return Authority(name=section.name, country=section.country, address=section.address)

    @property
    def policy(self) -> Policy:
        """What this node demands of every message."""
        section = self.settings.policy
        return Policy(
            mailboxes=self.mailboxes,
            country=self.settings.authority.country,
            signature_age=timedelta(days=section.signature_age_days),
            clock_ahead=timedelta(minutes=section.clock_ahead_minutes),
            replies_per_hour=section.replies_per_hour,
        )

    @property
    def mailboxes(self) -> frozenset[str]:
        """The addresses that the listener takes mail for."""
        return frozenset({self.settings.authority.address, *self.settings.authority.mailboxes})

    @property
    def issuing(self) -> tuple[Partner, ...]:
        """The local issuing system, where one may issue by mail.

        It is examined like a partner, and must protect its header: its certificates name the country that imports,
        never us, so a protected To is the only thing that says that they were signed for this node.
        """
        section = self.settings.issuing
        if not section.fingerprint:
            return ()
        system = Partner(
            id=OWN,
            name=self.authority.name,
            country=self.authority.country,
            addresses=section.addresses,
            keys=(PinnedKey(fingerprint=section.fingerprint),),
            issues_for=(self.authority.country,),
            profiles=tuple(profile.name for profile in PROFILES),
            assurance=Assurance.SIGNED_PROTECTED,
        )
        return (system,)

    @property
    def signers(self) -> tuple[Partner, ...]:
        """All whose signed mail is read: partners and the issuing system."""
        return (*self.partners, *self.issuing)

    @property
    def nodes(self) -> frozenset[str]:
        """The addresses that programs read, ours and our partners'; none of them is a person's."""
        theirs = {address.lower() for signer in self.signers for address in signer.addresses}
        return frozenset(address.lower() for address in self.mailboxes).union(theirs)

    def domains(self, partner_id: str) -> frozenset[str]:
        """Return the mail domains of an authority: of a partner, or our own."""
        own = {address.lower().rpartition("@")[2] for address in self.mailboxes} if partner_id == OWN else set()
        return frozenset(own).union(*(one.domains for one in self.partners if one.id == partner_id))

    def path(self, value: str) -> Path:
        """Resolve a configured path against the folder of the file."""
        return self.file.parent / value

    @property
    def spool(self) -> Path:
        """The folder of both databases."""
        return self.path(self.settings.paths.spool)

    @property
    def schemas(self) -> Path:
        """The folder of the schemas."""
        return self.path(self.settings.paths.schemas) if self.settings.paths.schemas else packaged("schemas")

    @property
    def templates(self) -> Path | None:
        """The folder of this authority's own texts of letters, if it has one."""
        return self.path(self.settings.paths.templates) if self.settings.paths.templates else None


def load(file: Path) -> Config:
    """Read ecertmail.toml and every partner file.

    Raises:
        ConfigError: with one line for each mistake in all of these files.
        UnreadableError: a file is there and cannot be read now.
    """
    file = file.resolve()
    settings = _read(file, Settings)
    loaded, mistakes = _load_partners(file.parent / settings.paths.partners)
    partners = tuple(partner for partner, _ in loaded)
    key_files = {fingerprint: path for _, files in loaded for fingerprint, path in files.items()}
    if settings.issuing.fingerprint:
        key_files.setdefault(settings.issuing.fingerprint, file.parent / settings.issuing.key_file)
    config = Config(file=file, settings=settings, partners=partners, key_files=key_files)
    mistakes += _shared(config.signers, config.mailboxes | {settings.keys.fingerprint})
    mistakes += [f"{file.parent / line}" for line in unreachable(settings.officials, partners)]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return config


def _load_partners(folder: Path) -> tuple[list[tuple[Partner, dict[str, Path]]], list[str]]:
    """Read every partner file; return what is right, and a line for each mistake."""
    loaded, mistakes = [], []
    for path in sorted(folder.glob("*.toml")):
        try:
            loaded.append(load_partner(path))
        except ConfigError as error:
            mistakes.append(str(error))
    return loaded, mistakes


def load_partner(file: Path) -> tuple[Partner, dict[str, Path]]:
    """Read one partner file; return the partner, and where each of its keys is, by fingerprint."""
    if file.stem == OWN:
        raise ConfigError(f"{file}: {OWN!r} is how this node calls itself; give the file another name")
    read = _read(file, PartnerFile)
    partner = Partner(
        id=file.stem,
        name=read.name,
        country=read.country,
        addresses=read.addresses,
        keys=tuple(PinnedKey(**key.model_dump(exclude={"file"})) for key in read.keys),
        issues_for=read.issues_for or (read.country,),
        profiles=read.profiles,
        assurance=Assurance(read.assurance),
        encrypt=Encryption(read.encrypt),
        demands=demands(read.officials),
    )
    return partner, {key.fingerprint: file.parent / key.file for key in read.keys}


def demands_on(config: Config, official: Official) -> Demands | None:
    """Return what is demanded of an official's mails; None where the partner whose official it is was removed."""
    if official.partner == OWN:
        return demands(config.settings.officials)
    return next((one.demands for one in config.partners if one.id == official.partner), None)


def whereabouts(partner: Partner) -> str:
    """Say where a partner, or the issuing system, is configured."""
    return "ecertmail.toml: [issuing]" if partner.id == OWN else f"partners/{partner.id}.toml"


def line_of(file: Path, *names: str) -> int:
    """Return the line of a key such as `paths`, `partners` in a file; 0 where it is not set or cannot be found."""
    try:
        return _line(file.read_text(encoding="utf-8"), list(names))
    except (OSError, UnicodeDecodeError):
        return 0


def packaged(name: str) -> Path:
    """Find a file that ships with ecertmail: inside the installed package, or at the top of a checkout."""
    inside = Path(__file__).parent / name
    return inside if inside.exists() else Path(__file__).parents[1] / {"ecertmail.toml": "config"}.get(name, "") / name


def _read(file: Path, kind: type[_T]) -> _T:
    try:
        text = file.read_text(encoding="utf-8")
        return kind.model_validate(tomllib.loads(text))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such file; `ecertmail init DIR` makes one") from error
    except OSError as error:
        raise unreadable(f"{file}: cannot be read", error) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from error
    except ValidationError as error:
        lines = [_explain(file, text, kind, mistake["loc"], mistake["msg"]) for mistake in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def _explain(file: Path, text: str, kind: type[BaseModel], place: tuple[int | str, ...], message: str) -> str:
    """Say one mistake: file, line, key and what would be right."""
    names = [str(part) for part in place if isinstance(part, str)]
    line = _line(text, names)
    where = f"{file}:{line}" if line else f"{file}"
    if "Extra inputs" in message:
        known = _known_keys(kind, names[:-1])
        near = difflib.get_close_matches(names[-1], known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"{where}: unknown key {'.'.join(names)!r}; {hint}"
    if message == "Field required":
        return f"{where}: the key {'.'.join(names)!r} is missing"
    return f"{where}: {'.'.join(names)}: {message.removeprefix('Value error, ')}"


def _line(text: str, names: list[str]) -> int:
    """The line of a key, found by reading the file as lines; 0 when it stands nowhere."""
    section, wanted = "", names[-1]
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?([\w.-]+)\]", line)
        section = header[1] if header else section
        at_key = re.match(rf"\s*{re.escape(wanted)}\s*=", line) and section == ".".join(names[:-1])
        if at_key or (header and header[1] == ".".join(names)):
            return number
    return 0


def _known_keys(kind: type[BaseModel], names: list[str]) -> list[str]:
    for name in names:
        annotation = kind.model_fields[name].annotation
        annotation = next(iter(get_args(annotation)), annotation)  # the table of an array of tables
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            kind = annotation
    return sorted(kind.model_fields)


def _shared(partners: tuple[Partner, ...], own: frozenset[str]) -> list[str]:
    """Name keys and addresses that belong to two partners, or to a partner and us: one could speak for the other."""
    owner: dict[str, str] = dict.fromkeys(own, "")
    mistakes = []
    for partner in partners:
        for claim in (*partner.fingerprints, *partner.addresses):
            if (other := owner.setdefault(claim, partner.id)) != partner.id:
                whose = f"partner {other}" if other else "this node"
                mistakes.append(f"{whereabouts(partner)}: {claim} belongs to {whose} already")
    return mistakes
