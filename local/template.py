"""CloudFormation files: read with their short tags, merged, checked."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local import functions
from local.failure import Failure

SECTIONS = ("Globals", "Parameters", "Mappings", "Conditions", "Resources", "Outputs")
DECLARATIONS = ("Settings", "Functions")
"""Sections of our own, which `local.functions` expands."""
FUNCTION = "AWS::Serverless::Function"
API = "AWS::Serverless::Api"
UNKNOWN = "MISSING_AUTHENTICATION_TOKEN"
"""API Gateway's name for what it answers at an address where nothing is."""
ANY_METHOD = "x-amazon-apigateway-any-method"
PATH_PARAMETER = re.compile(r"\{([^}+]+)\+?\}")
LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}")

Template = dict[str, Any]


try:
    from yaml import CSafeLoader as _SafeLoader  # an eighth of the time; all wheels have it
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]  # built without libyaml


class _Loader(_SafeLoader):
    """A YAML loader for CloudFormation: `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`."""


def _short_tag(loader: _SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


def _mapping_once(loader: _SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(loader.construct_object(key, deep=True))
        if name in seen:
            where = f"line {key.start_mark.line + 1} of {key.start_mark.name}"
            raise Failure(f"{name} is given twice, again at {where}.", "Leave one of the two.")
        seen.add(name)
    return yaml.constructor.SafeConstructor.construct_mapping(loader, node, deep=True)


def _plain_date(loader: _SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _short_tag)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_once)
# A policy's Version: 2012-10-17 is words, not a day.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _plain_date)


def read(file: Path) -> Template:
    try:
        with file.open(encoding="utf-8") as stream:
            content = yaml.load(stream, Loader=_Loader)  # noqa: S506  a SafeLoader with more tags
    except yaml.YAMLError as error:
        raise Failure(f"{file} is not YAML: {error}", "Correct it and run again.") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not set(content) <= {
        *SECTIONS,
        *DECLARATIONS,
        "Description",
    }:
        raise Failure(
            f"{file} has other sections than {', '.join(SECTIONS)}.", "Move or rename them."
        )
    return content


def together(folder: Path) -> Template:
    """Return all `*.yaml` of a folder as one template, its declarations expanded.

    A name may stand in one file only.
    """
    return functions.expand(declarations(folder))


def declarations(folder: Path) -> Template:
    """Return all `*.yaml` of a folder merged, as they are written."""
    merged: Template = {}
    origin: dict[tuple[str, str], Path] = {}
    for file in sorted(folder.glob("*.yaml")):
        for section, entries in read(file).items():
            if section == "Description":
                continue
            for name, entry in (entries or {}).items():
                if (section, name) in origin:
                    raise Failure(
                        f"{section} {name} stands in {origin[section, name].name} and in"
                        f" {file.name}.",
                        "Give each its own name, or put what belongs together into one file.",
                    )
                origin[section, name] = file
                merged.setdefault(section, {})[name] = entry
    return merged


def answer_unknown(template: Template) -> None:
    """Have the gateway answer 404 where no route is: unknown addresses, and methods of known ones.

    Left alone it takes a bearer token at an unknown address for a broken signature, and says 403.
    It answers by itself, without a function; what it says is that of its own answer for unknown
    addresses, in `infra/api.yaml`.
    """
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") != API or "DefinitionBody" not in resource["Properties"]:
            continue
        properties = resource["Properties"]
        answer = properties.get("GatewayResponses", {}).get(UNKNOWN)
        if not answer:
            continue
        paths = properties["DefinitionBody"].setdefault("paths", {})
        paths.setdefault("/{proxy+}", {})
        for path, methods in paths.items():
            methods.setdefault(ANY_METHOD, _unknown(path, answer))


def _unknown(path: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    status = str(answer["StatusCode"])
    headers: Mapping[str, str] = answer["ResponseParameters"]["Headers"]
    named = {f"method.response.header.{name}": value for name, value in headers.items()}
    return {
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "parameters": [
            {"name": name, "in": "path", "required": True, "type": "string"}
            for name in PATH_PARAMETER.findall(path)
        ],
        "responses": {
            status: {
                "description": "There is no such address",
                "headers": {name: {"type": "string"} for name in headers},
            }
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "passthroughBehavior": "never",
            "requestTemplates": {"application/json": json.dumps({"statusCode": int(status)})},
            "responses": {
                "default": {
                    "statusCode": status,
                    "responseParameters": named,
                    "responseTemplates": dict(answer["ResponseTemplates"]),
                }
            },
        },
    }


def strays(template: Template) -> list[str]:
    """Describe what misspelt names in `infra/` leave behind; empty when all is well.

    Chalice merges without asking: a wrong name makes a resource, or an event of a function, that
    has only what was meant to be added.
    """
    found = []
    for name, resource in template.get("Resources", {}).items():
        if "Type" not in resource:
            found.append(f"{name} has no type: Chalice makes no such resource")
            continue
        if not LOGICAL_ID.fullmatch(name):
            found.append(f"{name} is no logical id: letters and digits only")
        if resource["Type"] == FUNCTION:
            properties = resource.get("Properties", {})
            if "CodeUri" not in properties:
                found.append(f"{name} has no code: Chalice makes no such function")
            found.extend(
                f"{name} has an event {event} without type: Chalice makes no such event"
                for event, source in properties.get("Events", {}).items()
                if "Type" not in source
            )
    return found
