"""What a mail server's refusal is about: the session with us, the envelope sender, this recipient or this message.

Only a refusal of the recipient or of the message is for good. Many servers say what they have against a sender or a
session later than they could, Postfix at RCPT (`smtpd_delay_reject`) and Exchange Online after the last dot; so at
these two commands the codes and words of such refusals are looked for, too.
"""

import re
from enum import StrEnum

from ecertmail.delivery import Attempted

OWN = "XECERTMAIL"
"""The EHLO keyword with which this node's listener names the process that runs it."""


class Stage(StrEnum):
    """The command that was answered; `session` is everything from the greeting to AUTH."""

    SESSION = "session"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


_TOO_LARGE = 552  # RFC 1870 section 6.1, in answer to MAIL
_SESSION_CODES = frozenset({530, 534, 535, 538})  # RFC 4954 section 6: authentication or encryption is missing
_STATUS = re.compile(r"\s*(?:\d{3}[ -])?\s*(5\.\d{1,3}\.\d{1,3})\b")
_STATUSES = {
    "5.1.7": Attempted.SENDER,  # RFC 3463 section 3.2: the sender's address
    "5.1.8": Attempted.SENDER,
    "5.3.4": Attempted.REFUSED,  # RFC 3463 section 3.4: the message is too large
    "5.2.252": Attempted.SENDER,  # Exchange Online: SendAsDenied
    "5.7.60": Attempted.SENDER,  # Exchange: no permission to send as this sender
    "5.4.5": Attempted.SESSION,  # Gmail: daily limit of the account
    "5.7.8": Attempted.SESSION,  # RFC 4954 section 6
    "5.7.9": Attempted.SESSION,
    "5.7.11": Attempted.SESSION,
    "5.7.57": Attempted.SESSION,  # Exchange: the client was not authenticated
}
_SENDER = re.compile(
    r"sender address rejected|sender verif|sender (?:denied|is not allowed|not allowed|must|mismatch)|not owned by"
    r"|mail from (?:address )?(?:must|invalid|is not|not)|send ?as\b|sendasdenied|from (?:address|domain) must"
    r"|must (?:match|be the same as|equal) .{0,20}(?:authoriz|authent)",
    re.IGNORECASE,
)
_RELAY = re.compile(
    r"relay access denied|relay not permitted|relaying (?:is )?(?:denied|prohibited|not)"
    r"|(?:unable|not permitted|not allowed|refuse[sd]?) to relay|unauthorized relay",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"authentication (?:is )?required|not authenticated|must issue a? ?starttls|client host rejected"
    r"|helo command rejected|sending (?:limit|quota)",
    re.IGNORECASE,
)
_WORDS = ((_SENDER, Attempted.SENDER), (_RELAY, Attempted.RELAY), (_SESSION, Attempted.SESSION))
_MAX_TEXT = 1000
_ADDRESSES = re.compile(r"<[^<>]*>|\S+@\S+")

_WHAT = {
    Attempted.AWAY: "the mail server for outgoing mail cannot be used",
    Attempted.SESSION: "the mail server for outgoing mail refuses this node",
    Attempted.SENDER: "the mail server for outgoing mail refuses the envelope sender",
    Attempted.RELAY: "the mail server for outgoing mail takes nothing for other domains from this node",
}
_ADVICE = {
    Attempted.AWAY: "check [send] host, port and TLS, and the server",
    Attempted.SESSION: "check [send] username, password and TLS, and this account at the provider",
    Attempted.SENDER: "set [send] envelope_sender to the address that logs in",
    Attempted.RELAY: "set [send] username and password, or permit this node on the mail server",
}


def refusal(stage: Stage, code: int, text: str) -> Attempted:
    """Judge a reply that is not positive.

    Args:
        stage: the command that was answered.
        code: the three digits of the reply.
        text: the words after them, perhaps with an enhanced status code (RFC 3463) in front.
    """
    if not 500 <= code < 600:
        return Attempted.AWAY if stage is Stage.SESSION else Attempted.TEMPORARY
    if stage is Stage.SESSION or code in _SESSION_CODES:
        return Attempted.SESSION
    status = _STATUS.match(text)
    if status and status[1] in _STATUSES:
        return _STATUSES[status[1]]
    words = _ADDRESSES.sub(" ", text[:_MAX_TEXT])
    found = next((meaning for pattern, meaning in _WORDS if pattern.search(words)), None)
    if found is not None:
        return found
    # 5.2.x in answer to MAIL is about our own mailbox, such as a quota.
    too_large = code == _TOO_LARGE and not (status and status[1].startswith("5.2."))
    return Attempted.SENDER if stage is Stage.MAIL and not too_large else Attempted.REFUSED


def alarm(outcome: Attempted, reply: str) -> str:
    """Return an alarm's words for what keeps all mail or much of it from going out, with what to do about it."""
    if reply.startswith("[send]"):  # our own words, which say it
        return f"no mail goes out: {reply}; mail waits and is tried again"
    return f"{_WHAT[outcome]}: {reply or 'no reply'}; mail waits and is tried again; {_ADVICE[outcome]}"
