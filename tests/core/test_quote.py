"""What was newly written is kept, and nothing of what is quoted: on real replies, in many languages, in little time."""

# ruff: noqa: RUF001 - people write in many languages

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.reply.quote import ABOVE, MAX_LENGTH, new_text, passes_on
from ecertmail.core.reply.understand import understand
from tests.builders import SHARED
from tests.core.official_mails import NUMBER, REFUSE, written

REPLIES = SHARED / "mail" / "replies" / "test"
_BEGINS_QUOTE = re.compile(r":\s*$|-{5,}|_{5,}|^-- ?$|^—$")


@pytest.fixture
def replies() -> list[Path]:
    if not REPLIES.is_dir():
        pytest.skip("no corpus of replies here")
    return sorted((REPLIES / "emails").glob("*.txt"))


def _read(path: Path) -> str:
    return path.read_bytes().decode().replace("\r\n", "\n").replace("\r", "\n")


def _expected(path: Path, folder: str) -> str:
    return _read(REPLIES / folder / path.name).strip("\n")


def test_a_decision_above_the_text_of_real_replies_is_understood(replies: list[Path]) -> None:
    missed = []
    for path in replies:
        text, first = _read(path), _expected(path, "trimmed").split("\n")[0]
        at = text.index(first)
        understood = understand(written(f"{new_text(f'{text[:at]}REFUSE wrong seal.{chr(10)}{text[at:]}')}"), (NUMBER,))
        if not understood.certain or [each.decision for each in understood.said] != [REFUSE]:
            missed.append(path.name)
    assert len(replies) > 40
    assert len(missed) <= 0.05 * len(replies), missed


def test_a_decision_in_what_real_replies_quote_is_never_read(replies: list[Path]) -> None:
    tried = 0
    for path in replies:
        text, elided = _read(path), _expected(path, "elided")
        at = text.find(elided.strip()[:200])
        if not elided.strip() or at < 0:
            continue
        lines = text[at:].split("\n")
        begun = False
        for place, line in enumerate(lines):
            begun = begun or bool(_BEGINS_QUOTE.search(line))
            mark = re.match(r"[>| ]*", line)
            if not line.strip() or not (begun or (mark and mark[0].strip())):
                continue
            said = f"{mark[0] if mark else ''}REFUSE {NUMBER}"
            changed = text[:at] + "\n".join([*lines[: place + 1], said, *lines[place + 1 :]])
            understood = understand(written(new_text(changed)), (NUMBER,))
            assert not understood.said, (path.name, line)
            tried += 1
    assert tried > 300


def test_the_text_of_real_replies_is_what_their_collectors_say(replies: list[Path]) -> None:
    """Two differ: a picture of a tracker is left, and text below a bare "On … wrote:" is not believed."""
    wrong = [path.name for path in replies if _plain(new_text(_read(path))) != _plain(_expected(path, "trimmed"))]
    assert len(wrong) <= 2, wrong


def _plain(text: str) -> str:
    unquoted = "\n".join(line for line in text.split("\n") if not line.startswith(">"))
    return re.sub(r"\s+", " ", unquoted).strip()


@pytest.mark.parametrize(
    "below",
    [
        "On Tue, Nov 24, 2026 at 9:01 AM Certificates <e@mpi.example> wrote:\n> PASS",
        "On Tue, Nov 24, 2026 at 9:01 AM Certificates\n<e@mpi.example> wrote:\n\nPASS",
        "Am 24.11.26 um 09:01 schrieb Certificates:\n> PASS",
        "El mar, 24 nov 2026 a las 9:01, Certificates (<e@mpi.example>) escribió:\n> PASS",
        "Le mar. 24 nov. 2026 à 09:01, Certificates <e@mpi.example> a\nécrit :\nPASS",
        "вт, 24 нояб. 2026 г. в 09:01, Certificates <e@mpi.example>:\nPASS",
        "24 ноября 2026 г., в 9:01, Certificates написал(а):\n> PASS",
        "在 2026年11月24日，09:01，Certificates <e@mpi.example> 写道：\nPASS",
        "Certificates <e@mpi.example> 于2026年11月24日周二 09:01写道：\nPASS",
        "في الثلاثاء، 24 نوفمبر 2026 في 9:01 ص تمت كتابة ما يلي بواسطة C <e@mpi.example>:\nPASS",
        "From: C <e@mpi.example>\nSent: today\nTo: Li\nSubject: x\n\nPASS",
        "*From:* C\n*Date:* today\n*To:* Li\n*Subject:* x\n\nPASS",
        "Von: C\nGesendet: heute\nAn: Li\nBetreff: x\n\nPASS",
        "De: C\nEnviado el: hoy\nPara: Li\nAsunto: x\n\nPASS",
        "De : C\nEnvoyé : lundi\nÀ : Li\nObjet : x\n\nPASS",
        "От: C\nОтправлено: сегодня\nКому: Li\nТема: x\n\nPASS",
        "发件人：C\n发送时间：今天\n收件人：Li\n主题：x\n\nPASS",
        "寄件者: C\n寄件日期: 今天\n收件者: Li\n主旨: x\n\nPASS",
        "من: C\nتاريخ الإرسال: اليوم\nإلى: Li\nالموضوع: x\n\nPASS",
        "-----Original Message-----\nPASS",
        "-----Исходное сообщение-----\nPASS",
        "------------------ 原始邮件 ------------------\nPASS",
        "________________________________\nPASS",
        "---------- Forwarded message ---------\nPASS",
        "Sent from my iPhone\n\nPASS",
        "发自我的iPhone\nPASS",
        "Enviado desde mi iPhone\nPASS",
        "Envoyé de mon iPhone\nPASS",
        "Отправлено с iPhone\nPASS",
        "أُرسلت من الـ iPhone\nPASS",
        "-- \nPASS office",
        "CONFIDENTIALITY NOTICE: whatever\nPASS",
        "This e-mail and any attachments are confidential.\nPASS",
        "AVISO LEGAL: lo que sea\nPASS",
        "Ce message et ses pièces jointes sont confidentiels.\nPASS",
        "Настоящее сообщение и все приложения конфиденциальны.\nPASS",
        "本邮件及其附件含有保密信息\nPASS",
        "هذه الرسالة ومرفقاتها سرية\nPASS",
        f"{ABOVE}\nPASS",
        "  ## – EcertMail – ##  \nPASS",
    ],
)
def test_what_clients_put_below_is_cut(below: str) -> None:
    assert new_text(f"NO WORD\n\n{below}\nPASS") in {"NO WORD", "NO WORD\n\nPASS"}
    assert "PASS" not in new_text(f"NO WORD\n\n{below}")


def test_answers_below_and_between_quotations_are_kept() -> None:
    assert new_text("On 24 Nov, C <e@mpi.example> wrote:\n> one?\n\nyes\n\n> two?\n\nno\n-- \nLi") == "yes\n\n\nno"


def test_the_rest_of_a_quoted_line_that_was_broken_is_quoted() -> None:
    wide = "> Answer this mail with one of these words at its beginning, please:"
    assert new_text(f"{wide}\nPASS\n> and so on") == ""


def test_a_gateway_may_warn_above_the_text() -> None:
    warned = "CAUTION: This email comes from outside.\nDo not open attachments.\n\nPASS\nseal intact"
    assert new_text(warned) == "PASS\nseal intact"


def test_text_in_a_clear_signature_is_text() -> None:
    armour = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----"
    signed = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nPASS\n{armour}\nREFUSE"
    assert new_text(signed) == "PASS"


def test_a_mail_that_is_passed_on_says_so() -> None:
    assert passes_on("FYI\n\n---------- Forwarded message ---------\nFrom: C")
    assert passes_on("см.\n\n-------- Пересылаемое сообщение --------\n24.11.2026, C:")
    assert passes_on("Anfang der weitergeleiteten Nachricht:\n\nVon: C")
    assert not passes_on("The forwarded message was read, thanks.")
    assert not passes_on(f"PASS\n\n{ABOVE}\n---------- Forwarded message ---------")


HOSTILE = {
    "marks": ">" * 1_000_000,
    "marked lines": ">\n" * 500_000,
    "spaces": " " * 1_000_000,
    "on": "On On On " * 111_111,
    "on lines": "On 1\n" * 200_000,
    "lines": "\n" * 1_000_000,
    "dashes": "-" * 1_000_000,
    "dash words": "--- x " * 166_666,
    "colons": "From: \n" * 142_857,
    "addresses": "a@b \n" * 200_000,
    "wrote": "On 3 wrote x@y\n" * 66_666,
    "almost ours": "> ##- ecertmail -##" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_takes_long(text: str) -> None:
    new_text(text[:1000])
    spent = min(_seconds(text) for _ in range(3))
    assert spent < 0.4  # 0.2 on a machine that has nothing else to do


def _seconds(text: str) -> float:
    began = time.process_time()
    new_text(text)
    return time.process_time() - began


@given(st.text(), st.text(), st.text())
def test_below_our_line_nothing_counts(above: str, one: str, other: str) -> None:
    assert new_text(f"{above}\n{ABOVE}{one}") == new_text(f"{above}\n{ABOVE}\n{other}")


@given(st.text(alphabet="PASREFU>|-_:@ \n.1<On wrote", max_size=300))
def test_new_text_is_part_of_the_text(text: str) -> None:
    kept = new_text(text)
    assert len(kept) <= min(len(text), MAX_LENGTH)
    assert {line.strip() for line in kept.split("\n")} <= {line.strip() for line in text.split("\n")} | {""}
