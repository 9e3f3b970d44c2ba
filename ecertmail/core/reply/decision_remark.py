"""What people write after a PASS: what takes nothing away from it, and what makes it less than one.

A PASS with a remark that may be the rest of another sentence, a condition or a "not yet" is asked back. So what
follows it without a stop must be words of `_HARMLESS`; what follows a stop must hold none of `_LESS`.
"""

# ruff: noqa: RUF001 - words of many languages are what this module holds

import re
from collections.abc import Sequence

from ecertmail.core.fold import folded, folded_pattern
from ecertmail.core.reply.decision_words import (
    CONDITION,
    CONDITIONAL,
    LONE_NO,
    MEANING,
    NOT_AFTER,
    NOT_BEGINS,
    OR,
    REFUSAL,
    TAKEN_BACK,
    TAKEN_BACK_BELOW,
)
from ecertmail.official import Decision

# Chinese has no blanks: what it says ends where another script begins
WORD = re.compile(r"[\u3040-\u9fff]+|(?:(?![\u3040-\u9fff])[^\W_])+(?:['\u2019][^\W_]+)?")
TRAILING = " \t\r\n,;:.-\u2013\u2014=>)]*_\"'!\u3002\u3001\uff0c\uff1a\uff1b\uff01\u060c\u061b"

_CLAUSE = re.compile(r"[.!;,\u3002\u061b\u060c\n]")
_STOP = re.compile(r"[.!;\u3002\u061b\n]")
_READ = 300
_NO_STOP = frozenset({"", "-", ",", "\uff0c", "\u3001", "\u060c"})
"""After these another half of the same sentence may follow, such as `PASS, he said`."""

# a negation that says something good
_NICE = re.compile(
    folded_pattern(
        r"\b(?:without|no) (?:any |further )?(?:remarks?|objections?|comments?|problems?|issues?|findings"
        r"|pests?|damage)\b(?: found\b)?|\bnot (?:broken|damaged)\b|未发现问题|无虫害"
        r"|\bif (?:you|there) (?:have|need|are) any\b|\bsi vous avez\b|\bsi tiene\b"
        r"|\bесли (?:у вас )?(?:есть|возникнут|будут)\b"
        "|如有|如果您有|如果有任何|期待|等待您"
        "|没有问题|沒有問題|没问题|沒問題|无异议|無異議|没有异议|无误|無誤|无问题|無問題"
        r"|\bsin (?:ninguna? )?(?:observaci|objeci|novedad|comentario|incidencia|reparo)\w{0,6}"
        r"|\b(?:sans|aucune?) (?:remarque|objection|observation|commentaire|probleme|reserve)s?\b|\brien a signaler\b"
        r"|\b(?:без )?(?:замечани|возражени|претензи|вопрос)\w{1,3}(?: нет)?|\bнет (?:замечани|возражени"
        r"|претензи)\w{1,3}"
        r"|\bلا (?:يوجد |توجد )?(?:ملاحظات|اعتراض|مانع|مشاكل)\b|\b(?:بدون|دون) (?:ملاحظات|اعتراض)\b"
    )
)
_WORDS = folded_pattern(
    "ok|okay|fine|good|thanks?|thank you|very|much|many|thx|cheers|all|seals?|sealed|everything|is|are"
    "|in order|goods|documents|docs"
    "|papers?|paperwork|checked|verified|inspected|inspection|and|consignment|container|cargo|shipment"
    "|quantity|weight|temperature"
    "|labels?|released?|cleared|confirmed|today|physically|sir|madam|great|correct|complete|intact"
    "|present|the|this|certificate"
    "|match|matches|undamaged|please|without"
    "|gracias|muchas|sellos?|precintos?|intactos?|todos?|en orden|mercancia|documentos|documentacion"
    "|carga|saludos|cordiales|correct[oa]s?"
    "|verificad[oa]s?|revisad[oa]s?|inspeccionad[oa]s?|bien|este|el|la|los|certificado|partida|por favor|esta|estan"
    "|merci|beaucoup|scelles?|plombs?|intacts?|marchandises?|tout|est|en ordre|cordialement|verifiee?s?"
    "|controlee?s?|ce|le|les|sont"
    "|certificat|conformes?"
    "|пломб[аы]|цел[аоы]|спасибо|большое|груз|товар|документы|все|в порядке|с уважением|проверен[аоы]?"
    "|осмотрен[аоы]?|осмотр|партия"
    "|ок|хорошо|пожалуйста|сертификат"
    "|الختم|شكرا|جزيلا|البضاعة|المستندات|الوثائق|كل شيء|مع التحية|مع الشكر|سليم|سليمة|الشحنة|الشهادة|مطابقة|صحيحة"
    "|danke|siegel|alles|in ordnung|unversehrt"
    "|封条|封條|铅封|鉛封|货物|貨物|货证|貨證|证书|證書|单证|單證|资料|資料|文件|数量|數量|重量|一切"
    "|全部|均|都|已|完好|正常|相符|符合|一致|齐全|齊全"
    "|合格|检查|檢查|检验|檢驗|查验|查驗|放行|同意|谢谢|謝謝|感谢|感謝|辛苦了?|您|你|通过|通過"
)
_HARMLESS = re.compile(rf"(?:[^\w]{{0,9}}(?:(?:{_WORDS})(?![^\W\u3040-\u9fff])|\d{{1,9}}\b)){{1,30}}\W{{0,9}}\Z")
_GREETINGS = re.compile(
    r"\W{0,9}(?:(?:best|kind|kindest|warm|many|with best|with kind) )?(?:regards|wishes|greetings)\b"
)
_HARMLESS_END = re.compile(r"[.,:;!(\u3002\u3001\u060c\u061b\n]|\s[-\u2013\u2014/]")


_LESS = re.compile(
    folded_pattern(
        r"\b(?:maybe|perhaps|probabl|hopeful|possibl|pending|await|depend|provided|provision|tempor"
        r"|partial|partly|reserv|tomorrow|later\b"
        r"|next week|assum|as soon as|until\b|unless\b|if\b|subject to|condition|hardly|neither|expired"
        r"|undo\b|erroneous|not yet|not before"
        r"|too early|upon\b|in principle|for\snow|we will|we shall|half of|part of|\d{1,4} of \d"
        r"|parcial|pendiente|manana\b|tras\b|despues|condicion|reserva\b|solo\b|en principio|si\b"
        r"|partiel|en partie|provisoire|apres\b|demain|reserves?\b|uniquement|seulement|en attente|des que|sauf\b"
        r"|завтра|позже|поздне|частичн|условн|услови|после\b|рано\b|ошибочн|только\b|временн"
        r"|предварительн|ожида|ждем|разбер|ответим|если\b"
        r"|مبديي|موقت|جزيي|مشروط|بشرط|بعد\b|غدا|لاحقا|ملغ|بانتظار|في انتظار|ولكن|لكن|اذا\b|ان كان)"
        r"|\b(?:but|however|wait\w{0,3}|(?:on )?hold|still need|не хватает|но|сначала|ждут"
        r"|esper[ao]\w{0,4}|pero|mais|attend\w{0,4})\b|ننتظر"
        r"|等通知|等待|等领导|等領導|等一|先扣|别放|勿放"
        r"|\b(?:to be|tbc|draft|broken|damaged|wrong|missing|differs?|mismatch|please (?:confirm|wait))\b"
        r"|\b(?:rot[oa]s?\b|falta\b|faltan\b|danad|incorrect|rompu|manqu|endommag|наруш|повреж|отсутств)"
        r"|مكسور|ناقص|تالف"
        r"|破损|破損|有误|有誤|不符|未到|缺"
        r"|[待暂暫若尚需须須]|如果|还没|還沒|稍后|稍候|稍等|有问题|有問題|部分|除外|前提|条件|條件|之后"
        r"|之後|之前|明天|但|拒"
        r"|\A\W{0,9}(?:false|0|no|non|nein)\b"
    )
)
_CROSSED = re.compile(
    "[\u2610\u2612\u2717\u2718\u274c\u274e\u26d4\U0001f6ab\U0001f44e]|\\[\\s{0,3}\\]|\\(\\s{0,3}\\)|~"
)
_OF_OTHERS = re.compile(
    folded_pattern(
        r"\bnot (?:by |from |of )?us\b|\bpas (?:de |par )?nous\b|\bno (?:por )?nosotros\b|\bno nuestr"
        r"|\bне наш|\bне нами\b|وليس"
    )
)
_OVER = re.compile(
    folded_pattern(
        r"\W{0,9}(?:already |was |is |has been |est |esta |es |уже |ваш )?(?:withdrawn|revoked|cancell?ed"
        r"|answered|resolved|solved|closed|void"
        r"|q\d{1,9}\b|lifted|not\Z|anulad|resuelt|respondid|contestad|recibid|annule|traite|repondu|regle|recue?\b"
        r"|resolu|retire|mark\b|bins?\b|collection\b"
        r"|отмен|отозван|снят|закрыт|решен|получен|нельзя|невозможн|ملغ|الغ|تمت? ال|وصل|撤|取消|作废|已收|已解决)"
        r"|\s{1,9}(?:не (?:мож|мог|вправ|треб|нужн|буд)|not (?:yet|possible|needed|required)|клиент"
        r"|التاجر|del? cliente|du client)"
    )
)


def crossed(line: str) -> bool:
    """Say whether boxes or crosses of a form stand in a line: what is ticked cannot be told."""
    return _CROSSED.search(line) is not None


def contradicts(decision: Decision, text: str) -> bool:
    """Say whether a remark on a PASS speaks of a refusal, or takes something of the PASS back."""
    if decision is not Decision.PASS:
        return False
    remark = folded(text[:4000])
    below = [line for line in remark.split("\n") if line.strip()][:2]
    return bool(REFUSAL.search(remark) or TAKEN_BACK_BELOW.search(remark)) or any(map(_lessens, below))


def harmless(text: str) -> bool:
    """Say whether a folded remark that follows a PASS without a stop is no part of another sentence."""
    said = _HARMLESS_END.split(_judged(text[:_READ]).strip(), maxsplit=1)[0]
    return not said.strip(TRAILING) or bool(_HARMLESS.match(said) or _GREETINGS.match(said))


def doubtful(decision: Decision, gap: str, rest: str, *, alone: bool) -> bool:
    """Say whether what follows a decision asks it, negates it, makes it conditional, or offers another one.

    Args:
        decision: what the line begins with.
        gap: what stands between it and the first word of the remark.
        rest: what follows it, folded, with the gap.
        alone: no number stands with the decision, which could end it.
    """
    if decision is not Decision.PASS:
        return _over(rest) or _asked(decision, gap, rest)
    if alone and gap.strip() in _NO_STOP and not harmless(rest):
        return True
    return _asked(decision, gap, _judged(rest)) or _lessens(rest)


def _judged(text: str) -> str:
    """Return a folded remark without the negations that say something good."""
    return _NICE.sub("ok ", text)


def _lessens(text: str) -> bool:
    """Say whether a folded remark makes a PASS conditional, partial, later or doubtful."""
    return _LESS.search(_judged(text[:_READ])) is not None


def _over(text: str) -> bool:
    """Say whether a folded remark tells that a refusal or a request is another's, or not one any more."""
    return _OVER.match(text) is not None or _OF_OTHERS.search(text[:_READ]) is not None


def _asked(decision: Decision, gap: str, rest: str) -> bool:
    """Say whether what follows a decision asks it, negates it, makes it conditional, or offers another one."""
    if "?" in gap or "\u061f" in gap or "\u2049" in gap:
        return True
    clause = _STOP.split(rest[len(gap) :] if "." in gap else rest, maxsplit=1)[0]
    if decision is not Decision.REQUEST and re.search(r"[?\u061f]", clause):
        return True
    words = WORD.findall(clause)
    if not (re.search(r"[.!:\u3002\n]", gap)) and _offers_another(decision, words):
        return True
    if (
        words
        and words[0] in LONE_NO
        and not _CLAUSE.split(clause.lstrip(TRAILING + "/"), maxsplit=1)[0][len(words[0]) :].strip()
    ):
        return True
    return _turned_around(decision, words, attached=gap.isspace())


def _offers_another(decision: Decision, words: Sequence[str]) -> bool:
    for word in words[:4]:
        other = MEANING.get(word)
        if other is not None:
            return other is not decision
        if word not in OR:
            return False
    return False


def _turned_around(decision: Decision, words: Sequence[str], *, attached: bool) -> bool:
    if decision is not Decision.PASS:
        return bool(TAKEN_BACK & set(words[:1]))
    near = words[:12] if attached else words[:2]
    return (
        not NOT_AFTER.isdisjoint(near)
        or not TAKEN_BACK.isdisjoint(words[:2])
        or not CONDITION.isdisjoint(words[:2])
        or any(word.startswith(NOT_BEGINS) for word in words[:2])
        or bool(REFUSAL.search(" ".join(words)) or CONDITIONAL.search(" ".join(words)))
    )
