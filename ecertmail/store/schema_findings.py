"""What xmlschema finds wrong in a document that lxml refused.

xmlschema takes 12 MB and half a second to load, so this module is imported when the first document is refused, and
in the process that worker processes are forked from.
"""

from functools import cache
from pathlib import Path

import xmlschema
from lxml import etree
from xmlschema.validators import XsdPatternFacets

from ecertmail.core.batch import MAX_FINDINGS
from ecertmail.findings import Finding, FindingCode


def explain(path: Path, root: etree._Element) -> list[Finding]:
    """Return what is wrong with a document by the schema in a file, at least one finding."""
    findings: list[Finding] = []
    for error in _schema(path).iter_errors(root):
        if len(findings) == MAX_FINDINGS:
            return [*findings, Finding(code=FindingCode.TOO_MANY_FINDINGS)]
        findings.append(_finding(error))
    return findings or [Finding(code=FindingCode.SCHEMA_INVALID)]


@cache
def _schema(path: Path) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(path), allow="local", defuse="never")


def _wrong_code(error: xmlschema.XMLSchemaValidationError) -> str:
    """Name the value and the list, where xmlschema would print the whole list as a pattern."""
    parent = getattr(error.validator, "parent", None)
    if not isinstance(error.validator, XsdPatternFacets) or parent is None or not parent.name:
        return ""
    value = error.obj.text if isinstance(error.obj, etree._Element) else error.obj
    return f"{str(value)[:100]!r} is not in the code list {parent.name.rpartition('}')[2]}"


def _finding(error: xmlschema.XMLSchemaValidationError) -> Finding:
    reason = _wrong_code(error) or " ".join((error.reason or "").split())
    return Finding(code=FindingCode.SCHEMA_INVALID, where=error.path or "", detail=reason[:300])
