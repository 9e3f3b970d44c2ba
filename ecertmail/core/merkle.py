"""RFC 6962 tree hashes: what makes a rewritten ledger show.

A leaf is SHA-256(0x00 || record), a node SHA-256(0x01 || left || right), the empty tree SHA-256 of nothing (2.1).
"""

from collections.abc import Iterable
from hashlib import sha256


def leaf_hash(record: bytes) -> bytes:
    """Hash one record as a leaf."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, in one pass that holds only log2(n) hashes."""
    peaks: list[tuple[int, bytes]] = []  # (height, hash), heights strictly falling
    for leaf in leaves:
        height, top = 0, leaf
        while peaks and peaks[-1][0] == height:
            top = node_hash(peaks.pop()[1], top)
            height += 1
        peaks.append((height, top))
    if not peaks:
        return sha256(b"").digest()
    root = peaks.pop()[1]
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root
