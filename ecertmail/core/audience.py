"""Who is owed which certificate: filters, and how what passes them is divided into mails."""

from collections.abc import Iterator, Sequence

from lxml import etree

from ecertmail.core.states import ENDED
from ecertmail.model import CertificateStatus
from ecertmail.subscription import Bundle, Filter, Fresh, Subscription

_ALWAYS = frozenset(status.value for status in (*ENDED, CertificateStatus.REPLACED))


def wants(wanted: Filter, certificate: Fresh) -> bool:
    """Say whether a filter lets a certificate pass."""
    plain = (
        (wanted.exporting, certificate.exporting),
        (wanted.importing, certificate.importing),
        (wanted.types, certificate.type),
        (wanted.profiles, certificate.profile),
    )
    if not all(value in allowed for allowed, value in plain if allowed):
        return False
    if wanted.concerning and not {certificate.exporting, certificate.importing} & {*wanted.concerning}:
        return False
    if wanted.statuses and certificate.status not in {*wanted.statuses, *_ALWAYS}:
        return False
    return not (wanted.products or wanted.ports) or _inside(wanted, certificate)


def bundles(subscription: Subscription, owed: Sequence[Fresh]) -> Iterator[list[Fresh]]:
    """Divide certificates into mails, in order: one each, or as many as the subscriber's limits allow."""
    most = 1 if subscription.bundle is Bundle.SINGLE else subscription.max_certificates
    mail: list[Fresh] = []
    octets = 0
    for certificate in owed:
        octets += len(certificate.octets)
        if mail and (len(mail) == most or octets > subscription.max_octets):
            yield mail
            mail, octets = [], len(certificate.octets)
        mail.append(certificate)
    if mail:
        yield mail


def _inside(wanted: Filter, certificate: Fresh) -> bool:
    """Look for products and ports in the certificate itself, which the ledger does not index."""
    root = etree.fromstring(certificate.octets)
    products = {"".join(text.split()) for text in _texts(root, "ApplicableSPSClassification", "ClassCode")}
    ports = {text.casefold() for name in ("ID", "Name") for text in _texts(root, "UnloadingBaseportSPSLocation", name)}
    return (not wanted.products or any(code.startswith(wanted.products) for code in products)) and (
        not wanted.ports or not ports.isdisjoint(port.casefold() for port in wanted.ports)
    )


def _texts(root: etree._Element, parent: str, child: str) -> list[str]:
    """The texts of all `child` elements directly inside `parent` elements, whatever their namespaces."""
    found = [element for element in root.iter(f"{{*}}{parent}") for element in element if isinstance(element.tag, str)]
    return [(element.text or "").strip() for element in found if etree.QName(element).localname == child]
