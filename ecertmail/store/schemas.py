"""Compiled schemas: lxml decides, thirty times faster; xmlschema only explains, and is loaded when first needed."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lxml import etree

from ecertmail.core.batch import Schema
from ecertmail.core.profiles import PROFILES
from ecertmail.errors import ConfigError
from ecertmail.findings import Finding, FindingCode


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
    def explain(root: etree._Element) -> list[Finding]:
        from ecertmail.store import schema_findings

        return schema_findings.explain(path, root)

    return explain
