"""The kinds of values that stand in configuration files, and what is right for each."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ecertmail.core.address import normal
from ecertmail.core.profiles import PROFILES


def _address(value: str) -> str:
    if (address := normal(value)) is None:
        raise ValueError("must be one plain mail address such as ecert@example.org")
    return address


def _country(value: str) -> str:
    if not re.fullmatch("[A-Z]{2}", value):
        raise ValueError("must be a two-letter country code in capitals such as NZ")
    return value


def _fingerprint(value: str) -> str:
    digits = value.replace(" ", "").upper()
    if not re.fullmatch("[0-9A-F]{40}|[0-9A-F]{64}", digits):
        raise ValueError("must be a full fingerprint, 40 hex digits; `gpg --fingerprint` shows it")
    return digits


def _profile(value: str) -> str:
    names = [profile.name for profile in PROFILES]
    if value not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return value


Address = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(lambda value: value and _address(value))]
Country = Annotated[str, AfterValidator(_country)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
OptionalFingerprint = Annotated[str, AfterValidator(lambda value: value and _fingerprint(value))]
ProfileName = Annotated[str, AfterValidator(_profile)]
Port = Annotated[int, Field(ge=0, le=65535)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Positive = Annotated[float, Field(gt=0, le=100_000)]  # of seconds to days: no clock goes over
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """What all sections share: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
