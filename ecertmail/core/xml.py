"""XML from strangers: refused unparsed if it could do more than hold data, then parsed with everything switched off.

A DOCTYPE is where entity bombs and external entities come from, a processing instruction can ask a reader to act, an
encoding other than UTF-8 can hide both from the octet scan below; no certificate needs any of them.
"""

import re
from hashlib import sha256

from lxml import etree

from ecertmail.findings import Finding, FindingCode

MAX_NAMESPACES = 50
MAX_ATTRIBUTES = 100  # of one element: libxml2 takes a minute for the canonical form of one with 100,000

_TOO_MANY_ATTRIBUTES = etree.XPath(f"boolean(//*[@*[{MAX_ATTRIBUTES + 1}]])")
_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"\s*<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)[\"']")


def parse(octets: bytes, where: str) -> etree._Element | Finding:
    """Parse a document without blank text or comments, or say why it is refused.

    Args:
        octets: the document, UTF-8.
        where: the place that a finding names, such as the attachment's file name.
    """
    code = _refusal(octets)
    if code:
        return Finding(code=code, where=where)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=True,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        return Finding(code=FindingCode.XML_MALFORMED, where=where, detail=str(error.msg)[:200])
    if len(root.nsmap) > MAX_NAMESPACES:
        return Finding(code=FindingCode.XML_MALFORMED, where=where, detail=f"more than {MAX_NAMESPACES} namespaces")
    if _TOO_MANY_ATTRIBUTES(root):
        detail = f"an element has more than {MAX_ATTRIBUTES} attributes"
        return Finding(code=FindingCode.XML_MALFORMED, where=where, detail=detail)
    if b"xmlns" in octets and not _has_canonical_form(root):
        return Finding(code=FindingCode.XML_MALFORMED, where=where, detail="a relative namespace name")
    return root


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def canonical(element: etree._Element) -> bytes:
    """Return the exclusive canonical form (W3C xml-exc-c14n) that is stored, compared and hashed."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def digest(canonical_octets: bytes) -> str:
    """Return the SHA-256 of a certificate's canonical form in lower-case hex."""
    return sha256(canonical_octets).hexdigest()


def _has_canonical_form(root: etree._Element) -> bool:
    """Canonical XML is not defined for relative namespace names (Canonical XML 1.1, section 1.3)."""
    try:
        canonical(root)
    except etree.C14NError:
        return False
    return True


def _refusal(octets: bytes) -> FindingCode | None:
    body = octets.removeprefix(_BOM)
    declaration = _DECLARATION.match(body)
    if declaration:
        encoding = _ENCODING.search(declaration[0])
        if encoding and encoding[1].lower() not in {b"utf-8", b"utf8", b"us-ascii"}:
            return FindingCode.XML_ENCODING
        body = body[declaration.end() :]
    if b"\x00" in body or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return FindingCode.XML_ENCODING
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return FindingCode.XML_DOCTYPE
    if b"<?" in body:
        return FindingCode.XML_INSTRUCTION
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return FindingCode.XML_ENCODING
    return None
