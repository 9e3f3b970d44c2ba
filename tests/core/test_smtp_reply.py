"""Refusals as mail servers and providers write them, and what each is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.smtp_reply import Stage, alarm, refusal
from ecertmail.delivery import BLOCKED, Attempted

MAIL, RCPT, DATA = Stage.MAIL, Stage.RCPT, Stage.DATA
SENT, TEMPORARY, REFUSED = Attempted.SENT, Attempted.TEMPORARY, Attempted.REFUSED
AWAY, SESSION, SENDER, RELAY = Attempted.AWAY, Attempted.SESSION, Attempted.SENDER, Attempted.RELAY

REPLIES = [
    (Stage.SESSION, 421, "4.7.0 Try again later", AWAY),
    (Stage.SESSION, 454, "4.7.0 Temporary authentication failure", AWAY),
    (Stage.SESSION, 334, "", AWAY),
    (Stage.SESSION, 535, "5.7.8 Username and Password not accepted", SESSION),
    (Stage.SESSION, 535, "Login Fail. Please enter your authorization code to login", SESSION),
    (Stage.SESSION, 554, "5.7.1 Your address is blocked", SESSION),
    (Stage.SESSION, 502, "5.5.1 Command not implemented", SESSION),
    (MAIL, 450, "4.7.1 Too many messages", TEMPORARY),
    (MAIL, 501, "Mail from address must be same as authorization user.", SENDER),
    (MAIL, 501, "5.1.7 Bad sender address syntax", SENDER),
    (MAIL, 553, "Mail from must equal authorized user", SENDER),
    (MAIL, 550, "5.1.8 Sender address rejected: Domain not found", SENDER),
    (MAIL, 555, "5.5.4 Unsupported option", SENDER),
    (MAIL, 530, "5.7.0 Must issue a STARTTLS command first", SESSION),
    (MAIL, 530, "5.7.57 Client not authenticated to send mail", SESSION),
    (MAIL, 552, "5.3.4 Message size exceeds fixed limit", REFUSED),
    (MAIL, 552, "message is too long", REFUSED),
    (MAIL, 550, "5.3.4 Message too big for system", REFUSED),
    (MAIL, 552, "mail from invalid", SENDER),
    (MAIL, 552, "5.2.2 Mailbox quota exceeded", SENDER),
    (RCPT, 450, "4.2.0 Greylisted", TEMPORARY),
    (RCPT, 550, "5.1.1 <li@mpi.example>: Recipient address rejected: User unknown in local recipient table", REFUSED),
    (RCPT, 550, "5.1.1 <a@b.example>: User unknown in relay recipient table", REFUSED),
    (RCPT, 550, "no such user", REFUSED),
    (RCPT, 552, "5.2.2 <li@mpi.example>: Mailbox full", REFUSED),
    (RCPT, 553, "5.1.3 <li@>: Bad recipient address syntax", REFUSED),
    (RCPT, 550, "5.7.1 Recipient not authorized, your IP has been found on a block list", REFUSED),
    (RCPT, 550, "5.1.1 <send-as@mpi.example> <must-match-authenticated@x.example>: unknown", REFUSED),
    (RCPT, 553, "5.7.1 <ecert@x.example>: Sender address rejected: not owned by user ecert", SENDER),
    (RCPT, 553, "5.7.1 Sender address rejected: not owned by auth user.", SENDER),
    (RCPT, 550, "Sender verify failed", SENDER),
    (RCPT, 550, "From domain must match authenticated domain", SENDER),
    (RCPT, 554, "5.7.1 <li@mpi.example>: Relay access denied", RELAY),
    (RCPT, 550, "relay not permitted", RELAY),
    (RCPT, 553, "sorry, relaying denied from your location", RELAY),
    (RCPT, 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", RELAY),
    (RCPT, 530, "5.7.1 Authentication required", SESSION),
    (RCPT, 550, "Authentication is required for relay", SESSION),
    (RCPT, 554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", SESSION),
    (RCPT, 550, "5.4.5 Daily user sending limit exceeded", SESSION),
    (DATA, 451, "4.3.0 Try again", TEMPORARY),
    (DATA, 554, "DT:SPM the message looks like spam", REFUSED),
    (DATA, 550, "5.7.1 Message rejected due to content", REFUSED),
    (DATA, 552, "5.3.4 too large", REFUSED),
    (DATA, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", SENDER),
    (DATA, 554, "5.2.252 SendAsDenied; a@x.example not allowed to send as b@x.example", SENDER),
    (DATA, 554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", SENDER),
]


@pytest.mark.parametrize(("stage", "code", "text", "outcome"), REPLIES)
def test_each_refusal_is_about_what_it_says(stage: Stage, code: int, text: str, outcome: Attempted) -> None:
    assert refusal(stage, code, text) is outcome


@given(st.sampled_from(Stage), st.integers(-1, 999), st.text(max_size=3000))
def test_only_a_5xx_after_the_session_began_is_ever_for_good(stage: Stage, code: int, text: str) -> None:
    outcome = refusal(stage, code, text)
    assert outcome not in {SENT, Attempted.UNKNOWN}
    assert outcome is not REFUSED or (500 <= code < 600 and stage is not Stage.SESSION)


@pytest.mark.parametrize("outcome", sorted(BLOCKED))
def test_the_alarm_has_the_servers_words_and_the_key_to_look_at(outcome: Attempted) -> None:
    text = alarm(outcome, "553 no")
    assert ": 553 no;" in text
    assert "[send]" in text or outcome is RELAY
