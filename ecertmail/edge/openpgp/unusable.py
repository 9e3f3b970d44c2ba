"""Why a public key cannot be used here, in words that the operator can pass on to its owner.

Sequoia's own words name neither the curve nor the digest: "No binding signature at time …".
"""

from pysequoia import packet

_VERSIONS = frozenset({4, 6})
_RSA, _ON_A_CURVE = frozenset({1, 2, 3}), frozenset({18, 19, 22})
_READ_CURVES = frozenset(
    bytes.fromhex(oid)
    for oid in ("2b06010401da470f01", "2b060104019755010501", "2a8648ce3d030107", "2b81040022", "2b81040023")
)  # Ed25519, Curve25519, NIST P-256, P-384, P-521 (RFC 9580 section 9.2)
_OTHER_CURVES = {
    "2b2403030208010107": "brainpoolP256r1",
    "2b240303020801010b": "brainpoolP384r1",
    "2b240303020801010d": "brainpoolP512r1",
    "2b8104000a": "secp256k1",
    "2b6571": "Ed448",
    "2b656f": "X448",
}
_SELF_SIGNATURES = frozenset({"PositiveCertification", "GenericCertification", "DirectKey", "SubkeyBinding"})
_OLD_HASHES = ("SHA1", "MD5", "RipeMD")


def reason(octets: bytes) -> str:
    """Say what is wrong with a key that Sequoia refuses; the empty string if it is nothing that is known here."""
    try:
        packets = list(packet.PacketPile.from_bytes(octets))
    except Exception:  # noqa: BLE001 - pysequoia raises bare exceptions for what it cannot parse
        return ""
    keys = [p for p in packets if p.tag == packet.Tag.PublicKey]
    return next((text for key in keys[:1] if (text := why_no_key(key.body))), "") or _of_signatures(packets)


def why_no_key(body: bytes) -> str:
    """Say why no signature by a key can be checked, from the body of its packet; empty if it can."""
    version, algorithm = body[0], body[5]
    if version not in _VERSIONS:
        return f"it is an OpenPGP version {version} key; ask for one of version 4, as `gpg` makes by default"
    if algorithm in _ON_A_CURVE and (oid := body[7 : 7 + body[6]]) not in _READ_CURVES:
        name = _OTHER_CURVES.get(oid.hex(), "one that is not known here")
        return f"its curve ({name}) cannot be checked here; ask for a key on Ed25519 or NIST P-256, or RSA"
    if algorithm in _RSA and (bits := int.from_bytes(body[6:8], "big")) < 2048:
        return f"it is an RSA key of {bits} bits; ask for one of at least 2048, or on Ed25519"
    return ""


def is_self_signature(signature: packet.Packet) -> bool:
    """Say whether a packet is a signature by which an owner ties a key to a name or a subkey to a key."""
    return _name(signature.signature_type) in _SELF_SIGNATURES


def is_old(signature: packet.Packet) -> bool:
    """Say whether a signature is by a digest that nobody should rely on any more."""
    return _name(signature.hash_algorithm).startswith(_OLD_HASHES)


def _of_signatures(packets: list[packet.Packet]) -> str:
    own = list(filter(is_self_signature, packets))
    if not own or not all(map(is_old, own)):
        return ""
    hashes = {_name(signature.hash_algorithm) for signature in own}
    return (
        f"its owner signed it with {', '.join(sorted(hashes))} only, which can be forged; the owner renews it with "
        "`gpg --cert-digest-algo SHA256 --quick-set-expire FINGERPRINT 3y` and sends it again"
    )


def _name(code: object) -> str:
    return str(code).rpartition(".")[2]
