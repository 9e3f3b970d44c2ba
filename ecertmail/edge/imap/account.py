"""How a mailbox is reached and opened: TCP, TLS with the certificate checked, a login that is read anew each time.

imapclient says little by its exceptions: a refused command, a lost connection and nonsense are one class. They are
told apart here, for a refused command leaves the connection good, and a refused login must not be repeated soon.

After the login the client names itself (ID, RFC 2971): 163.com and 126.com refuse SELECT otherwise.
"""

import contextlib
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import (
    IMAPClientAbortError,
    IMAPClientError,
    IMAPClientReadOnlyError,
    LoginError,
    ProtocolError,
)

from ecertmail import __version__
from ecertmail.core.imap import Refusal, login_refusal
from ecertmail.core.mailbox import Tls
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError, MailboxUnavailableError

CONNECT_SECONDS, ANSWER_SECONDS = 30.0, 60.0
_ANSWERED_NO = (" failed: ", " command error: ")
_OURSELVES = {"name": "ecertmail", "version": __version__, "vendor": "ecertmail"}
_UID = re.compile(rb"\bUID ([1-9]\d*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a mailbox is and who opens it; `password` and `token` are asked at each login, one of them is None."""

    host: str
    port: int
    tls: Tls
    context: ssl.SSLContext
    username: str
    password: Callable[[], str] | None = None
    token: Callable[[], str] | None = None
    connect_seconds: float = CONNECT_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    def __str__(self) -> str:
        """Name the server for people."""
        return f"{self.host}:{self.port}"


class Client(IMAPClient):  # type: ignore[misc]
    """imapclient's, with what it lacks."""

    def _poll_socket(self, sock: Any, timeout: float | None = None) -> Any:
        """Look at the buffer too: an EXISTS that came in one packet with `+ idling` is not seen by poll(2)."""
        return True if timeout == 0 else super()._poll_socket(sock, timeout)

    def fetch_uids(self, messages: str, *, by_uid: bool = True) -> list[int]:
        """Return the UIDs of a sequence set (RFC 9051 section 9), of UIDs or of message numbers, in rising order.

        FETCH and not SEARCH: every mail program depends on it. Courier answers `UID SEARCH *` with nothing, mail.ru has
        no criteria, other servers search an index that is behind. 0 is no UID, but some servers send it.
        """
        lines = self._raw_command_untagged(b"FETCH", [messages.encode("ascii"), b"(UID)"], uid=by_uid)
        found = (_UID.search(line) for line in lines if isinstance(line, bytes))
        return sorted({int(match[1]) for match in found if match})

    def tells_news(self) -> bool:
        """Say whether the number of messages changed since SELECT; any answer may carry EXISTS, IDLE repeats none."""
        told = self._imap.untagged_responses.get("EXISTS") or [None]
        return bool(told[0] != told[-1])

    def try_idle(self) -> bool:
        """Begin to IDLE and say whether the server does it; imapclient's own takes untagged data before `+` amiss."""
        self._idle_tag = tag = self._imap._command("IDLE")
        while self._imap._get_response() is not None:
            if self._imap.tagged_commands[tag]:
                self._imap.tagged_commands.pop(tag)
                return False
        return True


@contextlib.contextmanager
def speaking(where: object) -> Iterator[None]:
    """Sort what imapclient raises by one question: what is still good?

    Raises:
        MailboxRefusedError: the command; the connection is good.
        MailboxAwayError: nothing; the connection must be left.
    """
    try:
        yield
    except IMAPClientReadOnlyError as error:
        raise MailboxRefusedError(f"{where}: read-only, the account may not change it") from error
    except (IMAPClientAbortError, OSError) as error:
        raise MailboxAwayError(f"{where}: {_text(error)}") from error
    except ProtocolError as error:  # the whole answer was read, it only makes no sense
        raise MailboxRefusedError(f"{where}: an answer that makes no sense ({_text(error)})") from error
    except IMAPClientError as error:
        answered = any(mark in str(error) for mark in _ANSWERED_NO)
        raise (MailboxRefusedError if answered else MailboxAwayError)(f"{where}: {_text(error)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise MailboxRefusedError(f"{where}: an answer that cannot be read ({error!r})") from error


def connect(account: Account) -> Client:
    """Connect and make the connection private; nobody is logged in yet."""
    timeout = SocketTimeout(account.connect_seconds, account.answer_seconds)
    implicit = account.tls is Tls.IMPLICIT
    with speaking(account):
        client = Client(
            account.host, account.port, ssl=implicit, ssl_context=account.context if implicit else None, timeout=timeout
        )
    try:
        if account.tls is Tls.STARTTLS:
            with speaking(account):
                client.starttls(account.context)
    except BaseException:
        leave(client)
        raise
    return client


def login(client: Client, account: Account) -> None:
    """Log in with a token or a password, and tell the server who we are.

    Raises:
        MailboxLoginError: the server does not take them.
        MailboxUnavailableError: the server refuses now, or does not say why.
    """
    secret = (account.token or account.password or str)()
    with speaking(account):
        if account.token is None and client.has_capability("LOGINDISABLED") and not client.has_capability("AUTH=PLAIN"):
            raise MailboxLoginError(f"{account}: takes no password on this connection (LOGINDISABLED); set `tls`")
        try:
            _log_in(client, account, secret)
        except LoginError as error:
            raise _refusal(account, error) from error
    _introduce(client, account)


def _refusal(account: Account, error: LoginError) -> Exception:
    text = _text(error)
    if isinstance(error.__context__, IMAPClientAbortError):
        return MailboxAwayError(f"{account}: {text}")
    why = login_refusal(text)
    words = f"{account}: {account.username} was refused ({text})"
    if why is Refusal.CREDENTIALS:
        return MailboxLoginError(words)
    return MailboxUnavailableError(words, explained=why is Refusal.PASSING)


def _introduce(client: Client, account: Account) -> None:
    """Send ID where the server offers it; a server that refuses ID is read all the same."""
    with contextlib.suppress(MailboxRefusedError), speaking(account):
        if client.has_capability("ID"):
            client.id_(_OURSELVES)


def _log_in(client: Client, account: Account, secret: str) -> None:
    if account.token is not None:
        client.oauth2_login(account.username, secret)
    elif client.has_capability("AUTH=PLAIN"):  # takes any character, LOGIN only ASCII (RFC 4616)
        client.plain_login(account.username, secret)
    else:
        client.login(account.username, secret)


def leave(client: Client) -> None:
    """Close the connection without a word; what was not answered is done again."""
    with contextlib.suppress(IMAPClientError, OSError):
        client.shutdown()


def _text(error: BaseException) -> str:
    """Return the words of an error on one line; imaplib writes some of them as a Python literal."""
    words = re.sub(r"^b'(.*)'$", r"\1", " ".join(str(error).split()))
    return words[:300] or type(error).__name__
