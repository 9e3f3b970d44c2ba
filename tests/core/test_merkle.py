"""RFC 6962 hashes, against the recursive definition and against public vectors."""

import base64
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.merkle import leaf_hash, node_hash, root_hash
from tests.builders import SHARED

VECTORS = sorted((SHARED / "merkle/testdata/inclusion").rglob("happy-path.json"))


def naive(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive(leaves[:split]), naive(leaves[split:]))


@given(st.lists(st.binary(max_size=5), max_size=70))
def test_the_root_in_one_pass_is_the_recursive_root(records: list[bytes]) -> None:
    leaves = [leaf_hash(record) for record in records]
    assert root_hash(iter(leaves)) == naive(leaves)


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 63, 64, 65, 1000])
def test_every_size_is_right(size: int) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    assert root_hash(leaves) == naive(leaves)


KNOWN = [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
]
INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip


@pytest.mark.parametrize(("size", "root"), KNOWN)
def test_the_known_roots_of_certificate_transparency_are_ours(size: int, root: str) -> None:
    assert root_hash(leaf_hash(bytes.fromhex(record)) for record in INPUTS[:size]).hex() == root


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_leaf_is_never_a_node(left: bytes, right: bytes) -> None:
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.skipif(not VECTORS, reason="the vectors of transparency-dev (../shared/data/merkle) are not here")
def test_public_inclusion_proofs_lead_to_their_roots_with_our_hashes() -> None:
    """The vectors hold no leaves to build a tree from; climbing their paths checks leaf and node hashes."""
    for path in VECTORS:
        vector = json.loads(path.read_text())
        root = climb(vector["leafHash"], vector["leafIdx"], vector["treeSize"], vector["proof"] or [])
        assert base64.b64encode(root).decode() == vector["root"], path


def climb(leaf: str, index: int, size: int, proof: list[str]) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    root, last = base64.b64decode(leaf), size - 1
    for step in map(base64.b64decode, proof):
        if index % 2 or index == last:
            root = node_hash(step, root)
            while index and not index % 2:
                index, last = index >> 1, last >> 1
        else:
            root = node_hash(root, step)
        index, last = index >> 1, last >> 1
    return root
