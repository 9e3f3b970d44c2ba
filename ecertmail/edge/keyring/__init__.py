"""The node's GnuPG home: the keyring in it, the agent that holds its secret keys, and the repair of a damaged keyring."""

from ecertmail.edge.keyring.home import GnupgKeyring, gnupg_reads

__all__ = ["GnupgKeyring", "gnupg_reads"]
