"""The configuration: one frozen object, read once; a mistake is told with file, line, key and what would be right.

Paths in it are relative to the folder of the file. A partner is a TOML file beside a key file in `partners/`.
"""

from datetime import timedelta
from pathlib import Path

from pydantic import ConfigDict

from ecertmail.core.profiles import PROFILES
from ecertmail.errors import ConfigError
from ecertmail.fields import Section
from ecertmail.official import Official
from ecertmail.official_sections import demands, unreachable
from ecertmail.parties import OWN, Assurance, Authority, Demands, Encryption, Partner, PinnedKey, Policy
from ecertmail.settings import PartnerFile, Settings
from ecertmail.toml_file import read


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
    settings = read(file, Settings)
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
    section = read(file, PartnerFile)
    partner = Partner(
        id=file.stem,
        name=section.name,
        country=section.country,
        addresses=section.addresses,
        keys=tuple(PinnedKey(**key.model_dump(exclude={"file"})) for key in section.keys),
        issues_for=section.issues_for or (section.country,),
        profiles=section.profiles,
        assurance=Assurance(section.assurance),
        encrypt=Encryption(section.encrypt),
        demands=demands(section.officials),
    )
    return partner, {key.fingerprint: file.parent / key.file for key in section.keys}


def demands_on(config: Config, official: Official) -> Demands | None:
    """Return what is demanded of an official's mails; None where the partner whose official it is was removed."""
    if official.partner == OWN:
        return demands(config.settings.officials)
    return next((one.demands for one in config.partners if one.id == official.partner), None)


def whereabouts(partner: Partner) -> str:
    """Say where a partner, or the issuing system, is configured."""
    return "ecertmail.toml: [issuing]" if partner.id == OWN else f"partners/{partner.id}.toml"


def packaged(name: str) -> Path:
    """Find a file that ships with ecertmail: inside the installed package, or at the top of a checkout."""
    inside = Path(__file__).parent / name
    return inside if inside.exists() else Path(__file__).parents[1] / {"ecertmail.toml": "config"}.get(name, "") / name


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
