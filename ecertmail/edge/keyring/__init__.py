"""The node's GnuPG home: the keyring in it, its repair, and the agent that holds the secret keys."""

from ecertmail.edge.keyring.home import GnupgKeyring, gnupg_reads

__all__ = ["GnupgKeyring", "gnupg_reads"]
