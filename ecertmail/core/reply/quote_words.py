"""What mail programs write around a quotation, in the languages they speak; all of it as `fold.folded` makes it."""

# ruff: noqa: RUF001 - words of many languages are what this module holds

import re

from ecertmail.core.fold import folded


def _table(text: str) -> frozenset[str]:
    return frozenset(folded(word.strip()) for word in text.split("|"))


# the names of header fields above a quoted mail: whose it is, and when, to whom and about what it was
FROM = _table(
    "from|von|de|от|от кого|发件人|寄件者|寄件人|發件人|من|da|van|od|fra|från|差出人|보낸 사람|gönderen"
    "|kimden|lähettäjä"
    "|expéditeur|remitente|отправитель|المرسل|absender|sender|reply-to"
)
OTHER = _table(
    "sent|date|to|cc|bcc|subject|reply-to|importance|attachments|gesendet|datum|an|kopie|betreff|enviado"
    "|enviado el|fecha|para|asunto|envoyé|envoyé le|date d'envoi|à|objet|отправлено|дата|кому|копия|тема|发送时间"
    "|发送日期|日期|时间|收件人|抄送|主题|主題|寄件日期|傳送時間|收件者|副本|تاريخ الإرسال|التاريخ"
    "|تم الإرسال|أرسلت|إلى|نسخة|الموضوع"
    "|enviada em|assunto|data|risposta|inviato|a|oggetto|verzonden|aan|onderwerp|wysłano|do|temat|skickat"
    "|till|ämne|sendt|til|emne|送信日時|宛先|件名|날짜|받는 사람|제목|tarih|kime|konu|odesláno|komu|předmět"
)

# the verb of "On … wrote:", and what such a line begins with
WROTE = re.compile(
    folded(
        r"\bwrote\b|\bwrites\b|\bschrieb|\bescribi|\bha escrito\b|a écrit\b|\bécrit\b|написал|пишет\b|写道"
        r"|寫道|写信|的邮件"
        r"|كتب|كتبت|تمت كتابة|scritto|scrisse|\bescreve|\bschreef\b|geschreven|skrev|napisał|kirjoitti|yazdı"
        "|şunu yazdı|napsal|írta|のメール|書きました|작성|a scris|viết"
    )
)
BEGINS = re.compile(
    r"\W{0,3}(?:(?:on|am|le|el|em|il|op|den|w dniu|dnia|dne|pe|at|vao|mie|lun|mar|jue|vie|sab|dom|пн|вт"
    r"|ср|чт|пт|сб|вс|في)\b"
    r"|[在于於]|\d{1,4}[ ./年-])"
)

_ORIGINAL = _table(
    "original message|original mail|original email|reply message|replied message|原始邮件|原始郵件"
    "|回复的原邮件|原邮件"
    "|mensaje original|mensaje de origen|message d'origine|message original|message initial"
    "|исходное сообщение|исходное письмо|оригинальное сообщение|الرسالة الأصلية|رسالة أصلية"
    "|ursprüngliche nachricht|originalnachricht|original-nachricht|messaggio originale|mensagem original"
    "|oorspronkelijk bericht|originalmeddelande|oprindelig meddelelse|wiadomość oryginalna|元のメッセージ|원본 메시지"
)
_FORWARDED = _table(
    "forwarded message|begin forwarded message|forwarded by|forwarded mail|forwarded email|转发的邮件"
    "|轉寄的郵件|转发邮件"
    "|轉寄郵件|转发邮件信息|轉發的郵件|开始转发的邮件|開始轉寄郵件|mensaje reenviado"
    "|inicio del mensaje reenviado|mensaje redirigido"
    "|message transféré|message transmis|début du message transféré|début du message réexpédié"
    "|courriel transféré|пересылаемое сообщение|перенаправленное сообщение|начало переадресованного сообщения"
    "|начало переадресованного письма|пересланное сообщение|пересылаемое письмо|الرسالة المعاد توجيهها"
    "|رسالة معاد توجيهها|رسالة تمت إعادة توجيهها|بداية الرسالة المعاد توجيهها|بدء الرسالة المحولة|رسالة محولة"
    "|weitergeleitete nachricht|anfang der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail"
    "|messaggio inoltrato|mensagem encaminhada"
)
ORIGINAL = re.compile("|".join(sorted(map(re.escape, _ORIGINAL))))
FORWARDED = re.compile("|".join(sorted(map(re.escape, _FORWARDED))))

# what stands below the marker in our letters, for clients that take the marker away
HINT = _table(
    "please write your answer above this line.|请在此行上方书写您的答复。|escriba su respuesta encima de esta línea."
    "|veuillez écrire votre réponse au-dessus de cette ligne.|пожалуйста, пишите ответ над этой строкой."
    "|يُرجى كتابة الرد فوق هذا السطر."
)

# what phones and apps put below a text
SENT_FROM = re.compile(
    folded(
        r"<{0,2}\(?sent (?:from|via|by|with) (?:my|a|an|mobile|mail|mailbox|outlook|yahoo|windows|samsung"
        r"|galaxy|airmail|proton|huawei|xiaomi|the all new|the new|android|ios|iphone|ipad|blackberry|\[mail)\b"
        r"|from my iphone|get \[?outlook for|someone from mobile"
        "|envoye (?:de|depuis|a partir de|par) (?:mon|ma|outlook|yahoo|l'app)|(?:telecharger|obtenir"
        "|obtenez) outlook|enviado (?:desde|do|a partir do|con) (?:mi|meu|outlook|yahoo|correo|el movil)"
        "|obtener outlook"
        r"|von mein\w{1,2} \w{2,20}(?: \w{1,20})? gesendet"
        "|gesendet (?:von|mit|aus) (?:mein|outlook|yahoo|der|unterwegs)|outlook fur (?:ios|android)"
        "|diese nachricht wurde von mein|发自我的|發自我的|从我的|從我的|发自|来自我的|來自我的|发送自"
        "|获取outlook|获取 outlook|取得 outlook"
        "|отправлено (?:с|из|от) |отправлено через |скачать outlook|получить outlook|أرسلت من|أُرسلت من"
        "|تم الإرسال من|مرسل من|مرسلة من|أرسل من|الحصول على outlook|sendt fra min|skickat fran min"
        "|verzonden (?:met|vanaf|van) |inviato da(?:l mio)? |wyslane z "
    )
)

# how a legal notice begins, whatever follows
NOTICE = re.compile(
    r"\W{0,6}(?:"
    + folded(
        r"confidentiality (?:notice|note|statement)|(?:legal )?disclaimer\b|privileged (?:and|&) confidential"
        "|confidential communication"
        r"|(?:this|the) (?:e-?mail|message|communication|electronic mail|transmission|email message"
        r"|e-mail message),?(?: message| transmission)?(?: \(?(?:and|including|together with) (?:any|all|its)"
        r"| is (?:intended|confidential|for the)| may contain| contains)"
        "|(?:the )?information (?:contained |transmitted )?in this (?:e-?mail|message|communication)|if you (?:are"
        "|have) (?:not the intended|received this)|please consider the environment|caution: this e"
        "|important notice|aviso legal|aviso de (?:confidencialidad|privacidad)|nota de confidencialidad"
        "|clausula de confidencialidad|(?:este|el presente) (?:mensaje|correo|e-?mail)(?: electronico)?,? (?:y "
        "|se dirige|esta dirigido|es confidencial|puede contener|contiene)|la informacion contenida en este"
        "|avis de confidentialite|avertissement|(?:ce|le present) (?:message|courriel|mail|courrier"
        "|e-?mail)(?: electronique)?,? (?:et |est |ainsi|peut contenir|contient)"
        "|les informations contenues dans ce|уведомление о конфиденциальности|конфиденциальность:|внимание! это"
        "|(?:данное|настоящее|это) (?:электронное )?(?:сообщение|письмо)(?:,| и | может| содержит| является"
        "| предназначено)|информация, содержащаяся в|إشعار (?:ال)?سرية|إخلاء (?:ال)?مسؤولية|بيان السرية|تنبيه: هذ"
        "|(?:هذه الرسالة|هذا البريد|هذا الإيميل|تحتوي هذه الرسالة|المعلومات الواردة في)|保密声明|保密聲明"
        "|免责声明|免責聲明|机密性声明"
        "|(?:本|此|这封|這封)(?:邮件|郵件|电邮|電郵|电子邮件|電子郵件|信息|訊息)(?:及|和|可能|包含|含有|仅"
        "|僅|所|为|為|的内容|中)|vertraulichkeitshinweis"
        "|haftungsausschluss|diese (?:e-?mail|nachricht) (?:enthalt|und|ist|kann)|der inhalt dieser e"
        "|die informationen in dieser"
    )
    + ")"
)
