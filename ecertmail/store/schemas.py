"""Compiled schemas: lxml decides, thirty times faster; xmlschema only explains, and is built when first needed."""

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

from ecertmail.core.batch import MAX_FINDINGS, Schema
from ecertmail.core.profiles import PROFILES
from ecertmail.errors import ConfigError
from ecertmail.findings import Finding, FindingCode

if TYPE_CHECKING:  # importing it takes a quarter of a second, which only a refusal is worth
    import xmlschema


def load(folder: Path) -> dict[str, Schema]:
    """Compile the schema of every profile, and that of inquiries.

    Raises:
        ConfigError: a schema file is missing or is no valid schema.
    """
    files = {profile.name: profile.schema for profile in PROFILES} | {"inquiry": "inquiry/inquiry.xsd"}
    return {name: _compile(folder / file) for name, file in files.items()}


def _compile(path: Path) -> Schema:
    if not path.is_file():
        raise ConfigError(f"{path}: this schema file is missing; set [paths] schemas to the folder that holds it")
    try:
        compiled = etree.XMLSchema(file=str(path))
    except etree.XMLSchemaParseError as error:
        raise ConfigError(f"{path}: is not a valid XML Schema ({error})") from error
    return Schema(valid=compiled.validate, explain=_explainer(path), brief=partial(_brief, compiled))


def _brief(compiled: etree.XMLSchema) -> Finding:
    log: Any = compiled.error_log  # lxml-stubs knows less of it than there is
    reason = re.sub(r"\{[^}]*\}", "", next((str(error.message) for error in log), ""))
    return Finding(code=FindingCode.SCHEMA_INVALID, detail=" ".join(reason.split())[:300])


def _explainer(path: Path) -> Callable[[etree._Element], list[Finding]]:
    @cache
    def schema() -> "xmlschema.XMLSchema":
        import xmlschema

        return xmlschema.XMLSchema(str(path), allow="local", defuse="never")

    def explain(root: etree._Element) -> list[Finding]:
        findings: list[Finding] = []
        for error in schema().iter_errors(root):
            if len(findings) == MAX_FINDINGS:
                return [*findings, Finding(code=FindingCode.TOO_MANY_FINDINGS)]
            findings.append(_finding(error))
        return findings or [Finding(code=FindingCode.SCHEMA_INVALID)]

    return explain


def _wrong_code(error: "xmlschema.XMLSchemaValidationError") -> str:
    """Name the value and the list, where xmlschema would print the whole list as a pattern."""
    from xmlschema.validators import XsdPatternFacets

    parent = getattr(error.validator, "parent", None)
    if not isinstance(error.validator, XsdPatternFacets) or parent is None or not parent.name:
        return ""
    value = error.obj.text if isinstance(error.obj, etree._Element) else error.obj
    return f"{str(value)[:100]!r} is not in the code list {parent.name.rpartition('}')[2]}"


def _finding(error: "xmlschema.XMLSchemaValidationError") -> Finding:
    reason = _wrong_code(error) or " ".join((error.reason or "").split())
    return Finding(code=FindingCode.SCHEMA_INVALID, where=error.path or "", detail=reason[:300])
