"""This node's own OpenPGP key: taken from its GnuPG home, which is repaired if need be, and tried once."""

from dataclasses import dataclass, field

from ecertmail.edge import openpgp
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.errors import KeyringError, PassphraseError
from ecertmail.message import SignatureStatus
from ecertmail.ports import EventLog

_TRIED = b"Content-Type: text/plain\r\n\r\nThis node tries its key.\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKey:
    """The node's key, ready to sign, and the GnuPG home that opens what is encrypted to it."""

    public: openpgp.PublicKey
    sign: openpgp.Sign
    keyring: GnupgKeyring
    passphrase: str = field(repr=False)


def load(keyring: GnupgKeyring, fingerprint: str, passphrase: str, log: EventLog | None = None) -> OwnKey:
    """Load the node's key; Sequoia signs with it, or GnuPG's agent where Sequoia cannot, as with a key on a card.

    Args:
        keyring: the node's GnuPG home. The node's own copy of its public key, `node.asc`, lies beside it.
        fingerprint: of the primary key, 40 hex digits.
        passphrase: empty for a key without one.
        log: where a repair and the slower way to sign are reported.

    Raises:
        KeyringError: the key is not there, its passphrase is wrong, or nothing can sign with it now.
    """
    public = _public_key(keyring, fingerprint, log)
    secret = keyring.secret_key(fingerprint, passphrase)
    try:
        sign = openpgp.load_signer(secret, passphrase)
    except PassphraseError:
        raise
    except KeyringError as error:
        sign = _by_agent(keyring, public, passphrase, error)
        if log:
            log.warning("key.signs-by-agent", fingerprint=fingerprint, because=str(error))
    return OwnKey(public=public, sign=sign, keyring=keyring, passphrase=passphrase)


def prove(own: OwnKey) -> bool:
    """Sign and check the signature, encrypt to the node and open it; return whether partners can encrypt to the node.

    Raises:
        KeyringError: the key does not do what it must.
    """
    unwrap = _opener(own)
    engine = openpgp.OpenPgpEngine({own.public.fingerprint: own.public}, lambda *_: None, own.sign, unwrap)
    status = engine.check(_TRIED, engine.sign(_TRIED)).status
    if status is not SignatureStatus.GOOD:
        raise KeyringError(f"this node's key {own.public.fingerprint} signs, but its signature is {status}")
    sealed = engine.encrypt(_TRIED, [own.public.fingerprint])
    if sealed is None:
        return False
    opened = engine.decrypt(sealed)
    if opened is None or opened.content != _TRIED:
        raise KeyringError(f"what is encrypted to this node's key {own.public.fingerprint} cannot be decrypted")
    return True


def _opener(own: OwnKey) -> openpgp.Unwrap:
    def unwrap(ciphertext: bytes) -> bytes | None:
        try:
            return own.keyring.unwrap(ciphertext, own.passphrase, 10 * len(_TRIED))
        except ConnectionError as error:
            raise KeyringError(str(error)) from error

    return unwrap


def _public_key(keyring: GnupgKeyring, fingerprint: str, log: EventLog | None) -> openpgp.PublicKey:
    """Read the node's public key from its keyring; one that a power cut damaged is repaired from `node.asc`."""
    home, damaged = keyring.home, keyring.set_damaged_aside()
    copy = home.parent / "node.asc"
    if missing := not keyring.holds(fingerprint):
        octets = copy.read_bytes() if copy.is_file() else b""
        if fingerprint not in _fingerprints(octets):
            raise KeyringError(
                f"{home}: there is no key {fingerprint} (`gpg --homedir {home} -k`). The keyring is damaged, or [keys] "
                f"fingerprint is wrong, and {copy} does not hold the key. Copy the node's public key to {copy}, as a "
                f"partner has it, or restore {home} from the backup; then start again"
            )
        keyring.add(octets)
    if log and (damaged or missing):
        log.warning("keyring.repaired", home=str(home), copy=str(copy))
    return openpgp.read_public_key(keyring.public_key(fingerprint).encode())


def _fingerprints(octets: bytes) -> set[str]:
    try:
        return {openpgp.read_public_key(octets).fingerprint}
    except KeyringError:
        return set()


def _by_agent(keyring: GnupgKeyring, public: openpgp.PublicKey, passphrase: str, reason: KeyringError) -> openpgp.Sign:
    """Return what signs through GnuPG's agent, after one try; 14 to 18 ms a signature."""
    sign = keyring.signer(public.fingerprint, passphrase)
    try:
        sign(_TRIED)
    except KeyringError as error:
        ends = f"; it expires on {public.expires_at:%Y-%m-%d}" if public.expires_at else ""
        raise KeyringError(f"{reason}; nor does GnuPG sign with it ({error}){ends}") from error
    return sign
