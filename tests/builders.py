"""What tests are made of: keys, certificates, signed mails and whole installations, each in one line."""

import base64
import subprocess
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

import pysequoia

from ecertmail.config import packaged
from ecertmail.core import outgoing
from ecertmail.core.batch import Schema
from ecertmail.delivery import Attempt, Delivery, DeliveryState, Room, Settled
from ecertmail.edge import openpgp
from ecertmail.flow.examine import Examiner
from ecertmail.message import Envelope, SignatureCheck, SignatureStatus, SignedMessage
from ecertmail.model import Certificate, CertificateStatus, Examination
from ecertmail.parties import Authority, Partner, PinnedKey, Policy
from ecertmail.ports import Outbox, Transaction
from ecertmail.store import schemas

NOW = datetime.now(UTC).replace(microsecond=0)
"""When the tests were loaded, perhaps an hour before a test runs: for what happened before, and for plain values."""
CHINA = Authority(name="China Customs", country="CN", address="ecert@customs.example")
POLICY = Policy(mailboxes=frozenset({CHINA.address}), country=CHINA.country)
DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@dataclass(frozen=True)
class Key:
    """An OpenPGP key with its secret, for a mail address."""

    address: str
    tsk: pysequoia.Tsk

    @property
    def public(self) -> openpgp.PublicKey:
        return openpgp.read_public_key(bytes(self.tsk.extract_certificate()))

    @property
    def fingerprint(self) -> str:
        return self.public.fingerprint

    def sign(self, octets: bytes) -> bytes:
        return pysequoia.sign(self.tsk.signer(), octets, mode=pysequoia.SignatureMode.DETACHED)


def present() -> datetime:
    """This second: for what is compared with the time of a real signature."""
    return datetime.now(UTC).replace(microsecond=0)


def make_key(address: str, **options: object) -> Key:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return Key(address, pysequoia.Tsk.generate(user_id=f"Test <{address}>", **options))  # type: ignore[arg-type]


@cache
def key_of(address: str) -> Key:
    """The same key for the same address, within one run."""
    return make_key(address)


NZ_ADDRESS, AU_ADDRESS = "ecert@mpi.example", "ecert@daff.example"


def partner(partner_id: str, address: str, country: str, **changes: object) -> Partner:
    made = Partner(
        id=partner_id,
        name=f"Authority of {country}",
        country=country,
        addresses=(address,),
        keys=(PinnedKey(fingerprint=key_of(address).fingerprint),),
        issues_for=(country,),
        profiles=("certificates", "sps-d17a"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def new_zealand(**changes: object) -> Partner:
    return partner("nz", NZ_ADDRESS, "NZ", **changes)


def australia(**changes: object) -> Partner:
    return partner("au", AU_ADDRESS, "AU", **changes)


def certificates_xml(*numbers: str, country: str = "NZ", status: str = "Approved", title: str = "Lamb") -> bytes:
    """A document of the flat `certificates` format."""
    body = "".join(
        f'<certificate id="{number}" status="{status}">'
        '<issue_date year="2026" month="01" day="15" hour="12" min="00" sec="00"/>'
        f'<exporting_country country_code="{country}"/><country_name>Exporter</country_name>'
        "<competent_authority>Authority</competent_authority>"
        '<importing_country country_code="CN"/><country_name>China</country_name>'
        f"<title>{title}</title></certificate>"
        for number in numbers
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<certificates>{body}</certificates>\n'.encode()


def sps_xml(number: str = "NZ-2026-004711", status: str = "70", notes: str = "") -> bytes:
    """Our own SPSCertificate with another number or status, and perhaps more notes, as XML."""
    text = (DATA / "sps-851-nz.xml").read_text(encoding="utf-8")
    text = text.replace("<ram:IncludedSPSNote>", f"{notes}<ram:IncludedSPSNote>", 1)
    text = text.replace(">NZ-2026-004711<", f">{number}<").replace(' name="Issued">70<', f">{status}<")
    return text.encode()


def sps_replacement(number: str, replaces: str) -> bytes:
    """An SPSCertificate that names the number it replaces, as the IPPC has it."""
    note = f"<ram:Subject>ADRPN</ram:Subject><ram:Content>{replaces}</ram:Content>"
    return sps_xml(number, notes=f"<ram:IncludedSPSNote>{note}</ram:IncludedSPSNote>")


def batch_mail(
    *documents: bytes, sender: str = NZ_ADDRESS, sign: Callable[[bytes], bytes] | None = None, serial: str = "1"
) -> bytes:
    """A signed batch mail, by default from New Zealand to China."""
    files = [(f"batch-{place}.xml", document) for place, document in enumerate(documents, 1)]
    return outgoing.batch_mail(files, letter(sender, serial), sign or key_of(sender).sign)


def letter(sender: str = NZ_ADDRESS, serial: str = "1", recipient: str = CHINA.address) -> outgoing.Letter:
    message_id = f"<{serial}@{sender.partition('@')[2]}>"
    return outgoing.Letter(sender=sender, recipient=recipient, now=present(), message_id=message_id)


def envelope(sender: str = NZ_ADDRESS) -> Envelope:
    return Envelope(
        reverse_path=sender, recipients=(CHINA.address,), source="smtp", peer="127.0.0.1", received_at=present()
    )


@cache
def compiled_schemas() -> dict[str, Schema]:
    return schemas.load(packaged("schemas"))


def unexplained(_signed: bytes, _signature: bytes, _fingerprint: str) -> SignatureStatus:
    return SignatureStatus.BAD


def examiner(*partners: Partner, keys: Sequence[Key] = (), explain: openpgp.Explain = unexplained) -> Examiner:
    """China's examiner, which knows these partners; `keys` are those of partners not made by `partner`."""
    partners = partners or (new_zealand(), australia())
    known = [key_of(entry.addresses[0]) for entry in partners] + list(keys)
    engine = openpgp.OpenPgpEngine({key.fingerprint: key.public for key in known}, explain, key_of(CHINA.address).sign)
    by_fingerprint = {fingerprint: entry for entry in partners for fingerprint in entry.fingerprints}
    return Examiner(openpgp=engine, partners=by_fingerprint, schemas=compiled_schemas())


def armored(data: bytes, kind: str = "SIGNATURE") -> bytes:
    """Any octets in OpenPGP armour, whatever they are."""
    return b"-----BEGIN PGP %b-----\n\n%b-----END PGP %b-----\n" % (
        kind.encode(),
        base64.encodebytes(data),
        kind.encode(),
    )


@dataclass(frozen=True)
class Gpg:
    """GnuPG on somebody's computer: makes the keys and signatures that our own tools refuse to make."""

    home: Path
    passphrase: str = ""

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--pinentry-mode", "loopback"]
        done = subprocess.run(
            [*command, "--passphrase", self.passphrase, "--trust-model", "always", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout

    def generate(self, address: str, algorithm: str = "ed25519", expires: str = "never", at: str = "") -> str:
        """Make a key, perhaps in the past (`at` is like 20200101T000000); return its fingerprint."""
        user = f"Test <{address}>"
        self.run(*_clock(at), "--quick-generate-key", user, algorithm, "sign", expires)
        listed = self.run("--with-colons", "--list-keys", f"={user}").decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    def sign(self, octets: bytes, key: str, *options: str, at: str = "") -> bytes:
        return self.run(
            *_clock(at), "--armor", "--local-user", key, *options, "--output", "-", "--detach-sign", stdin=octets
        )

    def public(self, key: str) -> bytes:
        return self.run("--armor", "--export", key)

    def revoke(self, key: str) -> None:
        """Use the revocation certificate that GnuPG made with the key; it gives no reason, so it is a hard one."""
        certificate = (self.home / "openpgp-revocs.d" / f"{key}.rev").read_bytes()
        self.run("--import", stdin=certificate.replace(b"\n:-----BEGIN", b"\n-----BEGIN"))

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)


def _clock(at: str) -> list[str]:
    return ["--faked-system-time", f"{at}!"] if at else []


def staged(
    tx: Transaction, recipient: str, message_id: str, octets: bytes, now: datetime, reverse_path: str = ""
) -> int:
    """Store a receipt mail and a delivery of it; return the mail's id."""
    mail = tx.put_mail(message_id, octets)
    tx.stage(mail, "receipt", recipient, reverse_path, now)
    return mail


def room(deliveries: int, full: Collection[str] = (), of_each: int = 1000, octets: int = 10**9) -> Room:
    """As much room for deliveries as said."""
    return Room(deliveries=deliveries, octets=octets, of_each=of_each, full=full)


def settle(
    outbox: Outbox, delivery: Delivery, attempt: Attempt, state: DeliveryState, next_at: datetime | None, now: datetime
) -> None:
    """Write down what one attempt made of a delivery."""
    outbox.settle([Settled(delivery=delivery, attempt=attempt, state=state, next_at=next_at)], now)


# Facts without mail, for the rooms that decide


def certificate(number: str = "NZ-1", **changes: object) -> Certificate:
    octets = (
        f'<certificate id="{number}" status="Approved"><exporting_country country_code="NZ"/>'
        '<importing_country country_code="CN"/><title>Lamb</title></certificate>'
    ).encode()
    made = Certificate(
        number=number, status=CertificateStatus.ISSUED, type="", profile="certificates", issued_at="",
        exporting_country="NZ", importing_country="CN", title="Lamb", replaces=(), octets=octets,
        sha256=sha256(octets).hexdigest(),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def signed_message(**changes: object) -> SignedMessage:
    made = SignedMessage(
        signed_octets=b"Content-Type: text/plain\r\n\r\nLamb\r\n", signature=b"", from_address=NZ_ADDRESS,
        message_id="<1@mpi.example>", subject="Certificates",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def signature_check(status: SignatureStatus = SignatureStatus.GOOD, **changes: object) -> SignatureCheck:
    made = SignatureCheck(status=status, fingerprint=key_of(NZ_ADDRESS).fingerprint, signed_at=NOW, algorithm="EdDSA")
    return replace(made, **changes)  # type: ignore[arg-type]


def examination(**changes: object) -> Examination:
    """A mail of New Zealand that is in order, so far; the batch is to be added."""
    message = changes.get("message", signed_message())
    octets = message.signed_octets if isinstance(message, SignedMessage) else b""
    made = Examination(
        envelope=envelope(), octets_sha256="0" * 64, message=signed_message(), signature=signature_check(),
        partner=new_zealand(), mic=base64.b64encode(sha256(octets).digest()).decode(),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]
