"""What works with a mailbox at a provider, step by step, and what to change where it does not.

The steps use what reads the mailbox, so that what is good here is read.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial

from ecertmail.core.mailbox import After, Plan, Step, Tls
from ecertmail.edge.imap import account as accounts
from ecertmail.edge.imap.account import Account, Client, speaking
from ecertmail.edge.imap.mailbox import ImapMailbox
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError, MailboxUnavailableError
from ecertmail.ports import EventLog

_ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "no such name: check `host`, and that this machine can look names up"),
    (
        ssl.SSLCertVerificationError,
        "the certificate is not trusted: check `host`, and set `ca_file` if your provider has an authority of its own",
    ),
    (ssl.SSLError, 'this port does not begin with TLS: try tls = "starttls" with port 143, or port 993'),
    (ConnectionRefusedError, "nobody listens there: check `host` and `port`"),
    (TimeoutError, "no answer: check `host` and `port`, and that the firewall lets this machine out"),
)


_KNOWN_REFUSALS = (
    (
        "unsafe login",
        "the provider reads the name of the client (ID) and did not take ours: allow mail programs on its web pages",
    ),
    (
        "authenticated but not connected",
        "the login opens no mailbox: is IMAP on for this user? A shared mailbox wants another form of `username`",
    ),
    ("read-only", "ask for the right to change this folder: messages are flagged, moved or deleted after reading"),
)
"""What servers say when they refuse a folder although it is there, in lower case, and what helps."""


def steps(account: Account, plan: Plan, *, idle: bool, log: EventLog) -> Iterator[Step]:
    """Try everything that reading the mailbox needs, as far as one step lets the next one begin."""
    try:
        client = accounts.connect(account)
    except (MailboxAwayError, MailboxRefusedError) as error:
        yield Step(name="connect", good=False, text=str(error), advice=_advice(error))
        return
    with contextlib.ExitStack() as stack:
        stack.callback(accounts.leave, client)
        yield Step(name="connect", good=True, text=f"{account}, {_privacy(client, account)}")
        try:
            accounts.login(client, account)
            mailbox = ImapMailbox(client, account, idle=idle, log=log)
        except (MailboxAwayError, MailboxLoginError, MailboxRefusedError) as error:
            yield Step(name="login", good=False, text=str(error), advice=_login_advice(account, error))
            return
        yield Step(name="login", good=True, text=account.username)
        yield from _inside(client, mailbox, plan, idle=idle)


def _inside(client: Client, mailbox: ImapMailbox, plan: Plan, *, idle: bool) -> Iterator[Step]:
    for name in plan.folders:
        yield _try(f"folder {name}", partial(_folder, mailbox, name, plan), partial(_folder_advice, client))
    for name in filter(None, (plan.deed.folder, plan.refused_to)):
        yield _try(f"folder {name}", partial(_target, mailbox, name), partial(_folder_advice, client))
    yield _try("idle", partial(_idle, client, mailbox, idle=idle), lambda _: "set idle = false: the mailbox is polled")
    yield _try("move", partial(_move, client, plan), lambda _: "")
    yield _try("quota", partial(_quota, client), lambda _: "")


def _folder(mailbox: ImapMailbox, name: str, plan: Plan) -> Step:
    """Open a folder, list its messages, and read the beginning of one of them."""
    folder = mailbox.folder(name)
    read = 0
    for uids in folder.uids(""):
        found = folder.sizes(uids[-1:])
        read += len(folder.read([message for message in found if message.size <= plan.message_size], 0))
        break
    text = f"{folder.exists} messages" + (", one was read" if read else "")
    return Step(name=f"folder {name}", good=True, text=text)


def _target(mailbox: ImapMailbox, name: str) -> Step:
    there, made = mailbox.make(name)
    called = "" if there == name else f" as {there}"
    return Step(name=f"folder {name}", good=True, text=("created" if made else "there") + called)


def _idle(client: Client, mailbox: ImapMailbox, *, idle: bool) -> Step:
    if not idle:
        return Step(name="idle", good=True, text="switched off; the mailbox is polled")
    if not mailbox.idles:
        return Step(name="idle", good=True, text="the server has none; the mailbox is polled")
    if not mailbox.begin_idle():
        return Step(name="idle", good=True, text="the server offers it and refuses it; the mailbox is polled")
    client.idle_done()
    return Step(name="idle", good=True, text="new mail is seen when the server tells of it; the mailbox is polled too")


def _move(client: Client, plan: Plan) -> Step:
    moves = plan.deed.after is After.MOVE or bool(plan.refused_to)
    if plan.deed.after is After.FLAG and not moves:
        return Step(name="move", good=True, text="not needed: messages are only flagged")
    move, uidplus = client.has_capability("MOVE"), client.has_capability("UIDPLUS")
    if (move and plan.deed.after is not After.DELETE) or uidplus:
        return Step(name="move", good=True, text="MOVE" if move else "COPY and UID EXPUNGE")
    advice = 'use after = "flag", or let somebody expunge the folder: messages stay there, marked as deleted'
    return Step(name="move", good=False, text="the server has neither MOVE nor UIDPLUS", advice=advice)


def _quota(client: Client) -> Step:
    if not client.has_capability("QUOTA"):
        return Step(name="quota", good=True, text="the server does not tell")
    _, quotas = client.get_quota_root("INBOX")
    full = [quota for quota in quotas if quota.limit and quota.usage >= quota.limit * 0.9]
    text = ", ".join(f"{quota.resource} {quota.usage} of {quota.limit}" for quota in quotas) or "none"
    advice = 'the mailbox is nearly full and will refuse mail: use after = "delete", or ask for more' if full else ""
    return Step(name="quota", good=not full, text=text, advice=advice)


def _try(name: str, step: Callable[[], Step], advice: Callable[[str], str]) -> Step:
    try:
        with speaking(name):
            return step()
    except (MailboxAwayError, MailboxRefusedError) as error:
        return Step(name=name, good=False, text=str(error), advice=advice(str(error)))


def _folder_advice(client: Client, error: str) -> str:
    if known := next((advice for words, advice in _KNOWN_REFUSALS if words in error.lower()), ""):
        return known
    try:
        with speaking("LIST"):
            names = [str(name) for _, _, name in client.list_folders()]
    except (MailboxAwayError, MailboxRefusedError):
        return "check the name of the folder"
    return f"check the name of the folder; there are: {', '.join(names[:20])}"


def _privacy(client: Client, account: Account) -> str:
    if account.tls is Tls.NEVER:
        return "in clear"
    return f"{client.socket().version()}, certificate good"


def _advice(error: Exception) -> str:
    cause = error.__cause__
    known = next((advice for kind, advice in _ADVICE if isinstance(cause, kind)), "")
    return known or "check `host`, `port` and `tls`"


def _login_advice(account: Account, error: Exception) -> str:
    if isinstance(error, MailboxUnavailableError) and error.explained:
        return "the server says that it cannot now; ecertmail tries again by itself"
    if isinstance(error, MailboxAwayError) and not isinstance(error, MailboxUnavailableError):
        return "the connection broke; try again"
    if "LOGINDISABLED" in str(error):
        return 'set tls = "starttls" or tls = "implicit"'
    if account.token is not None:
        return "check `username`, and that the token is for IMAP (its scope) and for this user"
    return "check `username` and the password file; many providers want an app password, or OAuth2 only"
