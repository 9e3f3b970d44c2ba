"""OpenPGP: facts about signatures, our own signature, encryption; no policy here, `core/judge.py` decides.

`pysequoia` does the per-message work in-process, a hundred times faster than a gpg process and stricter. It does not
say why it refuses, so a refused signature is shown to gpg once, to tell a forged one from one by an expired key. Nor
does it tell the date of a signature inside an encrypted message, so gpg takes off the encryption and leaves packets.
"""

from ecertmail.edge.openpgp.engine import Explain, OpenPgpEngine, Unwrap
from ecertmail.edge.openpgp.keys import (
    PublicKey,
    Sign,
    can_encrypt_to,
    encrypt_to,
    load_signer,
    read_public_key,
    require_signing,
)

__all__ = [
    "Explain", "OpenPgpEngine", "PublicKey", "Sign", "Unwrap", "can_encrypt_to", "encrypt_to", "load_signer",
    "read_public_key", "require_signing",
]  # fmt: skip
