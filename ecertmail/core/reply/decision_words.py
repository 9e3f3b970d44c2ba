"""The words of a decision in the six languages, and the words around them that make one doubtful.

Those that our letters teach and our `mailto:` links write are among them (`templates/<language>/words.toml`). A word
stands here only if nobody would begin a line with it and mean something else, or if what follows it tells.
"""

# ruff: noqa: RUF001 - words of many languages are what this module holds

import re
from collections.abc import Mapping
from types import MappingProxyType

from ecertmail.core.fold import folded
from ecertmail.official import Decision

_PASS, _REFUSE, _REQUEST = Decision.PASS, Decision.REFUSE, Decision.REQUEST


def _set(text: str) -> frozenset[str]:
    return frozenset(folded(word.strip()) for word in text.split("|"))


_MEANS = {
    _PASS: _set(
        "pass|passed|passes|approve|approved|accept|accepted|we accept|i accept|we approve|i approve"
        "|we pass|已通过|已审核通过|查验合格|检验合格|验讫通过|准予放行|同意放行|同意|审核合格|准予通過"
        "|同意通過|審核通過|已通過|准予放行|aceptamos|aprobamos|se acepta|se aprueba|todo conforme"
        "|estamos conformes|j'accepte|nous acceptons|j'approuve|nous approuvons|certificat accepte"
        "|принимаем|пропускаем|разрешено|نوافق|نقبل|تم القبول|تمت الموافقة|الشهادة مقبولة|通过|通過|合格"
        "|准予通过|审核通过|同意通过"
        "|予以通过|核准|放行|aprobar|aprobado"
        "|aprobada|aprobados|apruebo|aceptar|aceptado|aceptada|acepto|conforme|pasa|accepter|accepté|acceptée"
        "|acceptés|accepte|validé|validée|valider|approuvé|approuver|принять|пропустить"
        "|пропущено|одобрено|одобрить|قبول|مقبول|مقبولة|موافق|موافقة|قبلت|اجتاز|akzeptiert|bestanden|angenommen"
    ),
    _REFUSE: _set(
        "we refuse|i refuse|we reject|i reject|拒绝通过|拒絕通過|不同意|不予放行|se rechaza|rechazamos"
        "|nous refusons|nous rejetons|отказываем|отклоняем|نرفض|تم الرفض|refuse|refused|reject|rejected"
        "|rejection|refusal|拒绝|拒絕|不合格|不通过|不通過|未通过|未通過"
        "|不予通过|不予通過|退运|不准|拒收|rechazar"
        "|rechazado|rechazada|rechazados|rechazo|refuser|refusé|refusée|refusés|je refuse|rejeter|rejeté|rejetée"
        "|rejet|отказать|отказ|отказано|отклонить|отклонено|отклонён|отклоняю|رفض|مرفوض|مرفوضة|رفضت|ablehnen"
        "|abgelehnt|zurückgewiesen"
    ),
    _REQUEST: _set(
        "request|query|question|enquiry|inquiry|询问|詢問|查询|查詢|咨询|諮詢|请求|請求|提问|consulta"
        "|consultar|solicitar|solicitud"
        "|pregunta|demander|demande|question|запрос|запросить|запрашиваю|вопрос|استفسار|طلب|سؤال|استعلام"
        "|rückfrage|nachfrage|frage"
    ),
}
MEANING: Mapping[str, Decision] = MappingProxyType({word: what for what, all_ in _MEANS.items() for word in all_})
LONGEST = max(word.count(" ") + 1 for word in MEANING)

ALL = _set(
    "all|全部|所有|全部证书|所有证书|todo|todos|todas|tout|tous|toutes|все|всё|всем|الكل|الجميع|كل|كلها"
    "|جميعها|alle|alles"
)
# what may stand between a decision and a number
JOINING = _set(
    "re|and|for|no|nr|nos|number|numbers|certificate|certificates|cert|ecert|the|this|y|e|et|le|la|les|el|los|n"
    "|numero|certificado|certificados|certificat|certificats|и|для|сертификат|сертификата|сертификаты|و|رقم"
    "|شهادة|الشهادة|الشهادات|和|及|与|與|证书|證書|证书号|编号|und"
)
OR = _set("or|o|u|ou|или|أو|ام|或|或者|还是|還是|oder|vs|and|y|et|и|و|e|和|not|nor")

# a word right after a decision that makes an ordinary sentence of it: "Pass on to my colleague", "Request for a visa"
_ANY = (
    "to|by|if|unless|when|until|once|was|were|is|are|has|have|had|will|would|can|could|may|might|must|should|shall|of|s"
    "|whom|que|qui|si|если|اذا|wenn"
)
_MORE = (
    "|for|from|received|sent|that|these|those|them|your|our|my|his|her|their|you|us|me|letter|form|de|del|du"
    "|des|d|votre|vos|notre|nos|su|sus|nuestro|nuestra|por|на|от|о|об|в|ваш|ваша|наш|получен|получена"
    "|получено|من|الى|على|طلبكم|on|as|at"
)
_MOST = (
    "|please|with|him|he|she|we|i|onto|it|this|along|over|through|away|out|up|in|into|be|been|only|after"
    "|before|who|what|which|the"
    "|a|an|any|rate|number|about|regarding|lo|los|las|el|la|para|con|cuando|como|les|le|mes|ma|mon|pour|par"
    "|est|sont|ce|cette|ces|aux|au|avec|sous|sera|был|была|было|были|к|во|что|как|бы|участие|меры|решение"
    "|будет|из|по|у|наши|мои|في|عن|ان|كان|تم|لكم|لك|هل|mit|von|wird|wurde|ist|sind|durch|unter"
)
SENTENCE: Mapping[Decision, frozenset[str]] = MappingProxyType(
    {
        _PASS: _set(_ANY + _MORE + _MOST),
        _REFUSE: _set(_ANY + "|your|our|my|par|por|от|collection"),
        _REQUEST: _set(_ANY + _MORE),
    }
)
# what turns a decision around, where it stands right after it
NOT_AFTER = _set(
    "not|never|cannot|can't|cant|couldn't|wasn't|isn't|denied|impossible|pending|later|failed|fail|fails"
    "|unable|nicht|kein|keine|pas|jamais|нельзя|не|нет|невозможно|لا|ليس|غير|لم|لن|nunca|jamas|imposible"
    "|tampoco"
)
NOT_BEGINS = ("不", "未", "否", "没", "沒", "无法", "無法", "非", "吗", "嗎", "与否", "與否")
TAKEN_BACK = _set(
    "resolved|solved|answered|closed|решён|отменён|закрыт|снят|получен|已解决|已收到|resuelta|resuelto|résolue"
    "|withdrawn|revoked|cancelled|canceled|denied|never|mistake|error|anulado|annulé|отменено|отозвано|撤销|撤回"
    "|取消|作废"
)
LONE_NO = _set("no|non|ninguno|aucun|нет|لا|不|否|nein")
CONDITION = _set(
    "if|unless|when|once|until|provided|providing|subject|conditional|conditionally|except|excepting"
    "|excluding|only|but|except for|如果|除|除了|但|若|si|sauf|excepté|excepto|salvo|siempre|hors|pero|mais|если"
    "|кроме|при|но|اذا|الا|باستثناء|بشرط|لكن|wenn|außer|sofern|aber|falls"
)
# what makes a PASS doubtful in the lines before it
NEGATION = _set(
    "not|cannot|can't|cant|never|don't|dont|won't|wont|doesn't|didn't|isn't|wasn't|neither|nor|unable|nicht"
    "|kein|no|nunca|jamás|tampoco|ne|pas|non|jamais|impossible|не|нет|нельзя|никогда|невозможно|لا|لم|لن|ليس"
    "|غير|ليست|unless|if|si|если|اذا|wenn|or|whether|test|draft|when|should|would|wait|prueba|borrador|brouillon|тест"
    "|черновик|مسودة"
)
NEGATION_SIGNS = re.compile("[不未无無没沒]|如果|测试|測試|草稿")
_LETTERS, _SIGNS = (
    "|".join(
        sorted(
            map(re.escape, (word for word in map(folded, _MEANS[_REFUSE]) if (word > "\u2e80") is signs)), reverse=True
        )
    )
    for signs in (False, True)
)
# in a remark, so that a PASS above it may not be meant
REFUSAL = re.compile(rf"(?<!\w)(?:و?ال|بال|لل|و)?(?:{_LETTERS})(?!\w)|{_SIGNS}|\bnot pass")
TAKEN_BACK_BELOW = re.compile(
    r"\b(?:ignore|disregard|by mistake|in error|i mean|i meant|wrong mail|par erreur|por error)\b|по ошибке"
    "|作废|弄错|بالخطا"
)
# in the first sentence of it
CONDITIONAL = re.compile(r"\bcondition|\bcondici|\bbedingung|услов|شرط|条件|條件")
