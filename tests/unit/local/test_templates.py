"""The merge of `infra/` and what is looked for in it."""

from pathlib import Path
from typing import Any

import pytest

from local import template
from local.failure import Failure


def written(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
    return folder


def test_short_tags_become_long_functions(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        tables="""
Resources:
  Role:
    Type: AWS::IAM::Role
    Condition: Wanted
    Properties:
      Arn: !GetAtt Table.Arn
      Name: !Sub ["${A}-x", {A: !Ref Table}]
      Choice: !If [Wanted, !Ref Table, !Ref "AWS::NoValue"]
      Version: 2012-10-17
""",
    )
    assert template.together(folder)["Resources"]["Role"]["Properties"] == {
        "Arn": {"Fn::GetAtt": ["Table", "Arn"]},
        "Name": {"Fn::Sub": ["${A}-x", {"A": {"Ref": "Table"}}]},
        "Choice": {"Fn::If": ["Wanted", {"Ref": "Table"}, {"Ref": "AWS::NoValue"}]},
        "Version": "2012-10-17",
    }


def test_a_name_in_two_files_is_refused(tmp_path: Path) -> None:
    one = "Resources: {Table: {Type: AWS::DynamoDB::Table}}"
    with pytest.raises(Failure, match=r"Resources Table stands in a\.yaml and in b\.yaml"):
        template.together(written(tmp_path, a=one, b=one))


def test_a_name_twice_in_one_file_is_refused(tmp_path: Path) -> None:
    twice = "Resources:\n  Table: {Type: X}\n  Table: {Type: Y}\n"
    with pytest.raises(Failure, match="Table is given twice, again at line 3"):
        template.together(written(tmp_path, a=twice))


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="other sections"):
        template.together(written(tmp_path, a="Resource: {}"))


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"ApiHandler": {"Properties": {}}}, "ApiHandler has no type"),
        ({"Expire": {"Type": template.FUNCTION, "Properties": {}}}, "Expire has no code"),
        (
            {
                "Expire": {
                    "Type": template.FUNCTION,
                    "Properties": {"CodeUri": "x", "Events": {"Tick": {"Properties": {}}}},
                }
            },
            "Expire has an event Tick without type",
        ),
    ],
)
def test_misspelt_names_are_found(resources: dict[str, object], words: str) -> None:
    (found,) = template.strays({"Resources": resources})
    assert found.startswith(words)


def test_a_whole_template_has_no_strays() -> None:
    whole = {
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Expire": {
            "Type": template.FUNCTION,
            "Properties": {"CodeUri": "x", "Events": {"Tick": {"Type": "Schedule"}}},
        },
    }
    assert template.strays({"Resources": whole}) == []


@pytest.mark.parametrize("told", [True, False])
def test_unknown_addresses_are_answered_where_the_template_says_how(*, told: bool) -> None:
    answer = {
        "StatusCode": 404,
        "ResponseParameters": {"Headers": {"Cache-Control": "'no-store'"}},
        "ResponseTemplates": {"application/json": "{}"},
    }
    definition: dict[str, Any] = {"paths": {"/things/{thing_id}": {"get": {}}}}
    api: dict[str, Any] = {"DefinitionBody": definition}
    if told:
        api["GatewayResponses"] = {template.UNKNOWN: answer}
    resources = {"RestAPI": {"Type": template.API, "Properties": api}}
    template.answer_unknown({"Resources": resources})
    paths = {"/things/{thing_id}"} | ({"/{proxy+}"} if told else set())
    assert set(definition["paths"]) == paths
    for methods in definition["paths"].values():
        assert (template.ANY_METHOD in methods) is told
    if told:
        (parameter,) = definition["paths"]["/things/{thing_id}"][template.ANY_METHOD]["parameters"]
        assert parameter["name"] == "thing_id"
