"""The SMTP listener: takes mail for our own mailboxes, within limits, and says 250 only when it is stored.

aiosmtpd has no limit on connections, recipients or idle sessions and answers its own failures with 500 and the
exception's text; what is missing is added here (MAIL.md section 8). Verification never happens in the dialogue.
"""

from ecertmail.edge.smtp_in.connection import Tls, listen
from ecertmail.edge.smtp_in.handler import Handler

__all__ = ["Handler", "Tls", "listen"]
