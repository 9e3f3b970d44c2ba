"""What a person sees of HTML that a mail client wrote, without what it quotes.

libxml2 reads the HTML, and bounds how deep it nests; the walk here knows the containers in which clients put the mail
that is answered. A quotation becomes a line that `quote.new_text` knows, so that what stands below it is still found.
"""

import re
from collections.abc import Iterator

from lxml import etree

from ecertmail.core.reply.quote import ABOVE

QUOTED = "\n> \n"
CUT = "\n________________________________\n"

_EDGE = "\x1e"  # where a block begins or ends; any number of them is one line break
_BLOCKS = re.compile(
    r"address|article|aside|center|d[dlt]|div|fieldset|figure|footer|form|h[1-6r]|header|li|main|nav|[ou]l|p|pre|section"
    r"|table|t(body|foot|head|r)"
)
# what is struck out is not said any more
_UNSEEN = re.compile(r"s|strike|del|head|script|style|title|noscript|template|object|svg|select|textarea")
_QUOTES = re.compile(
    r"gmail_quote|gmail_extra|moz-cite-prefix|moz-forward-container|yahoo_quoted|protonmail_quote|zmail_extra|tutanota_quote"
    r"|isreplycontent|ntes-mailmaster-quote|olk_src_body_section|mail-editor-reference-message|ms-outlook-mobile-reference"
    r"|reply-intro|mailru-blockquote|ymail_android_quoted|skb_quote|include_original"
)
_CUTS = re.compile(r"divrplyfwdmsg|appendonsend|stopspelling|ms-outlook-mobile-body-separator")
_SIGNATURES = re.compile(
    r"gmail_signature|moz-signature|ms-outlook-mobile-signature|applemailsignature|linebreakatbeginningofsignature"
    r"|protonmail_signature|mobile-signature|ydp\w{0,20}signature|(?:^|\s)signature(?:\s|$)",
    re.IGNORECASE,
)
_OUTLOOK_RULE = re.compile(r"border-top:\s?solid\s#(?:b5c4df|e1e1e1)|border-width:\s?1pt medium medium", re.IGNORECASE)
_HIDDEN = re.compile(
    r"display:\s?none|visibility:\s?hidden|line-through|mso-hide:\s?all"
    r"|(?:font-size|max-height|opacity):\s?0(?:\.0{1,9})?(?:px|pt|em|rem|%)?\s?(?:;|!|\Z)",
    re.IGNORECASE,
)
_MOST_ATTRIBUTES = 2000  # libxml2 compares each attribute of an element with each other one
_ATTRIBUTE = re.compile(rb"[\s/]+[^\s/]")


def text(octets: bytes) -> str:
    """Return the text of an HTML document in UTF-8; nothing for what libxml2 cannot read, or not in time."""
    if any(len(_ATTRIBUTE.findall(piece)) > _MOST_ATTRIBUTES for piece in octets.split(b">")):
        return ""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(octets, parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return ""
    return "" if root is None else _lines("".join(_pieces(root)))


def _lines(text: str) -> str:
    broken = re.sub(f" ?{_EDGE}[ {_EDGE}]*", "\n", re.sub(r"[ \t]+", " ", text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in broken.split("\n"))).strip()


def _pieces(root: etree._Element) -> Iterator[str]:
    """Walk the tree in the order of the document; iteratively, since what is nested is up to the sender."""
    skipped: etree._Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start" and skipped is None:
            instead = _instead(element)
            if instead is not None:
                skipped = element
                yield instead
            else:
                yield _opening(element)
                yield _text(element.text, element)
        elif event == "end":
            if skipped is element:
                skipped = None
            elif skipped is None:
                yield _EDGE if _BLOCKS.fullmatch(element.tag) else " " if element.tag in {"td", "th"} else ""
            if skipped is None and element is not root:
                yield _text(element.tail, element.getparent())


def _opening(element: etree._Element) -> str:
    return "\n" if element.tag == "br" else _EDGE if _BLOCKS.fullmatch(element.tag) else ""


def _text(text: str | None, within: etree._Element | None) -> str:
    if not text:
        return ""
    if within is not None and within.tag == "pre":
        return text
    return re.sub(r"\s+", " ", text.replace("\N{NO-BREAK SPACE}", " "))


def _instead(element: etree._Element) -> str | None:
    """Say what stands for an element that is no new text; None for one that is read."""
    tag, style = element.tag, element.get("style") or ""
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if not isinstance(tag, str) or _UNSEEN.fullmatch(tag):
        return ""
    if _HIDDEN.search(style) or element.get("hidden") is not None:  # our line counts even where a client hides it
        return f"\n{ABOVE}\n" if ABOVE in "".join(map(str, element.itertext())) else ""
    if tag == "blockquote" or _QUOTES.search(names.lower()):
        return QUOTED
    if _CUTS.search(names.lower()) or _OUTLOOK_RULE.search(style) or (tag == "hr" and element.get("tabindex") == "-1"):
        return CUT
    return "\n" if _SIGNATURES.search(names) else None
