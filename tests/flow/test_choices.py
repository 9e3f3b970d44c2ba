"""Our links come back as what they say: in every language, for numbers of every kind."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ecertmail.core import ticket
from ecertmail.core.understand import understand
from ecertmail.official import Decision, Language, Written
from tests.builders import CHINA
from tests.flow.border import templates

TOKEN = "d17.abcdefghijkl"
NUMBERS = ["NZL2009/0004/26", "NZ-1", "NZ 2026 004711", "MPI/2026 №7"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("language", Language)
def test_a_link_opens_a_mail_that_is_understood(language: Language, number: str) -> None:
    for choice in ticket.choices(templates().words(language), number, TOKEN, CHINA.address):
        parts = urlsplit(choice.link)
        fields = parse_qs(parts.query, strict_parsing=True)
        [subject], [body] = fields["subject"], fields["body"]
        for remark in ("", "The seal 4711 is broken."):
            for text in (body + remark, remark):
                written = Written(
                    sender="li@customs.example", recipients=frozenset({unquote(parts.path)}), subject=subject,
                    message_id="<1@customs.example>", text=text.strip(),
                )  # fmt: skip
                understood = understand(written, [number])
                [said] = understood.said
                assert understood.certain, (subject, text)
                assert (said.decision, said.remark) == (choice.decision, remark)
        assert ticket.presented({unquote(parts.path)}, subject, {CHINA.address}) == TOKEN
    assert len(templates().words(language)) == len(Decision)
