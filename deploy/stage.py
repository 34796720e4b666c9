"""A stage: which stack, where, with which parameters. Read from `deploy/<stage>.toml`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from chalicelib.foundation.identity import normalized_email
from chalicelib.foundation.texts import clean_line
from deploy.review import Review
from local.failure import Failure
from local.layer import ARCHITECTURES
from local.template import Template

FOLDER = Path(__file__).resolve().parent
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
ACCOUNT = re.compile(r"(\d{12})?")
TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
KEYS = frozenset(
    {"stack", "region", "account", "architecture", "site", "review", "parameters", "tables"}
)
MAX_REVIEW = 300
COMPUTED = frozenset({"Architecture", "Build", "DeletionProtection"})
"""Parameters that a deployment sets itself."""


@dataclass(frozen=True)
class Stage:
    name: str
    stack: str
    region: str
    account: str
    architecture: str
    site: Path | None
    parameters: Mapping[str, str]
    tables: Mapping[str, str] = field(default_factory=dict)
    """Existing tables in place of those that the template would make (`make restore`)."""
    file: Path | None = None
    review: Review | None = None


def load(name: str, folder: Path = FOLDER) -> Stage:
    """Read a stage's file. Raises `Failure` for what is missing, unknown or malformed in it."""
    file = folder / f"{name}.toml"
    if not NAME.fullmatch(name) or not file.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.toml")))
        raise Failure(
            f"There is no stage {name}: {file} is missing.",
            f"Name one that there is ({known}), or copy prod.toml and change its stack.",
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, f"is not TOML: {error}") from None
    if unknown := sorted(set(content) - KEYS):
        raise _wrong(file, f"has settings that mean nothing: {', '.join(unknown)}")
    site = _text(file, content, "site", re.compile(".*"), "")
    return Stage(
        name,
        _text(file, content, "stack", STACK),
        _text(file, content, "region", REGION),
        _text(file, content, "account", ACCOUNT, ""),
        _text(file, content, "architecture", re.compile("|".join(ARCHITECTURES)), ARCHITECTURES[1]),
        _site(file, site) if site else None,
        _parameters(file, content.get("parameters", {})),
        _tables(file, content.get("tables", {})),
        file,
        _review(file, content["review"]) if "review" in content else None,
    )


def check(stage: Stage, template: Template) -> None:
    """Raise `Failure` unless the template has the stage's parameters, and takes their values."""
    declared = template.get("Parameters", {})
    for name, value in stage.parameters.items():
        if name not in declared:
            raise Failure(
                f"The stage {stage.name} sets {name}, which is no parameter of the template.",
                "infra/parameters.yaml lists them. Correct the name, or remove the line.",
            )
        if reason := refusal(declared[name], value):
            raise Failure(
                f"The stage {stage.name} sets {name} to {value!r}: {reason}.",
                declared[name].get("Description", "infra/parameters.yaml describes it."),
            )
    _check_sign_in(stage)


def _check_sign_in(stage: Stage) -> None:
    """Raise `Failure` for a company's sign-in that is told in part: it would silently not be."""
    given = {name for name, value in stage.parameters.items() if value}
    providers = given & {"CompanyOidcIssuer", "CompanySamlMetadataUrl"}
    oidc = {"CompanyOidcIssuer", "CompanyOidcClientId", "CompanyOidcSecretName"}
    what = ""
    if len(providers) == 2:  # noqa: PLR2004  both
        what = "names an OIDC issuer and a SAML provider, of which a pool here takes one"
    elif providers and "SignInDomain" not in given:
        what = "names a company's sign-in without the SignInDomain at which it answers"
    elif "SignInDomain" in given and not providers:
        what = "has a SignInDomain without a company's sign-in"
    elif oidc & given and not oidc <= given:
        what = f"lacks {', '.join(sorted(oidc - given))} for the company's OIDC issuer"
    elif providers and "TokenIssuer" in given:
        what = "names a company's sign-in and another issuer, which would be taken"
    if what:
        raise Failure(
            f"The stage {stage.name} {what}.",
            "infra/parameters.yaml describes SignInDomain and the parameters after it.",
        )


def refusal(parameter: Mapping[str, Any], value: str) -> str | None:
    """Return why CloudFormation would refuse the value of a parameter, None if it takes it."""
    allowed = [str(each) for each in parameter.get("AllowedValues", ())]
    if allowed and value not in allowed:
        return f"it takes {', '.join(allowed)}"
    if (pattern := parameter.get("AllowedPattern")) and not re.fullmatch(pattern, value):
        return f"it takes what fits {pattern}"
    if parameter["Type"] == "Number" and not value.isdigit():
        return "it takes a number"
    if parameter["Type"] == "Number":
        least, most = parameter.get("MinValue", 0), parameter.get("MaxValue", int(value))
        if not least <= int(value) <= most:
            return f"it takes {least} to {parameter.get('MaxValue', 'any number')}"
    return None


def _text(
    file: Path,
    content: Mapping[str, Any],
    name: str,
    pattern: re.Pattern[str],
    default: str | None = None,
) -> str:
    value = content.get(name, default)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(file, f"needs {name} as text that fits {pattern.pattern}, and has {value!r}")
    return value


def _review(file: Path, given: Any) -> Review:
    names = {each.name for each in fields(Review)}
    texts = isinstance(given, dict) and all(isinstance(v, str) for v in given.values())
    if not texts or set(given) != names:
        raise _wrong(file, f"needs in [review], as text: {', '.join(sorted(names))}")
    found = {name: clean_line(value) for name, value in given.items()}
    if empty := sorted(name for name, value in found.items() if not 1 <= len(value) <= MAX_REVIEW):
        raise _wrong(file, f"needs 1 to {MAX_REVIEW} characters in [review]: {', '.join(empty)}")
    for name in ("contact", "reviewer"):
        try:
            found[name] = normalized_email(found[name])
        except ValueError as error:
            raise _wrong(file, f"has no address as {name} of [review]: {error}") from None
    return Review(**found)


def _site(file: Path, name: str) -> Path:
    folder = file.parent / name
    if not folder.is_dir():
        raise _wrong(file, f"names the folder {folder} as its site, which is not there")
    return folder


def _parameters(file: Path, given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(v, str | int) for v in given.values()):
        raise _wrong(file, "needs each parameter as text or number")
    if computed := sorted(COMPUTED.intersection(given)):
        raise _wrong(file, f"sets {', '.join(computed)}, which a deployment sets itself")
    return {name: str(value) for name, value in given.items()}


def _tables(file: Path, given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(
        isinstance(name, str) and TABLE_NAME.fullmatch(name) for name in given.values()
    ):
        raise _wrong(file, "needs the name of a table for each of its tables")
    return dict(given)


def _wrong(file: Path, what: str) -> Failure:
    return Failure(f"{file} {what}.", "deploy/prod.toml describes each setting.")
