"""Corrects where ministack 1.5.33 differs from AWS, so that the product need not know.

Each function says what was measured. Everything may be done twice.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.aws import STACK_NAME, Aws
from local.template import Template

LAYER_TYPES = frozenset({"AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion"})
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
INTEGRATION = "x-amazon-apigateway-integration"


def adapt_template(template: Template) -> Template:
    """Return a copy of the template with what can be corrected before deploying."""
    fitted = copy.deepcopy(template)
    for api in _apis(fitted):
        _name_binary_types(api)
    _without_layers(fitted)
    for resource in fitted["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            _grant_batches(resource["Properties"])
            _mail_from_anywhere(resource["Properties"])
    return fitted


def after_deployment(aws: Aws, template: Template, outputs: Mapping[str, str]) -> None:
    """Correct what can only be corrected in the deployed stack."""
    switch_on_expiry(aws, template)
    answer_preflight(aws, template, outputs)
    answer_at_the_gateway(aws, template, outputs)


def _without_layers(template: Template) -> None:
    """Measured: functions run without /opt, so a layer's files are nowhere.

    Where ffprobe is the parameter FfprobePath says, in AWS and here.
    """
    resources = template["Resources"]
    for name in [name for name, each in resources.items() if each["Type"] in LAYER_TYPES]:
        del resources[name]
    for resource in resources.values():
        resource.get("Properties", {}).pop("Layers", None)


def _grant_batches(role: dict[str, Any]) -> None:
    """Measured: SendMessageBatch asks for a permission of that name, which AWS does not have.

    In AWS `sqs:SendMessage` is what a batch needs.
    """
    for policy in role.get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            actions = [actions] if isinstance(actions, str) else actions
            if "sqs:SendMessage" in actions:
                statement["Action"] = [*actions, "sqs:SendMessageBatch"]


def _mail_from_anywhere(role: dict[str, Any]) -> None:
    """Read in its source: a mail is asked for on `*`, not on its identity as in AWS.

    A grant on the identity alone would refuse every mail here.
    """
    for policy in role.get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Action"] == "ses:SendEmail":
                statement["Resource"] = "*"


def answer_at_the_gateway(aws: Aws, template: Template, outputs: Mapping[str, str]) -> None:
    """Measured: the gateway's own answers in an imported definition are ignored.

    Put by hand they are heeded, as in AWS from the next deployment of the stage on.
    """
    api_id = outputs.get("RestAPIId")
    if not api_id:
        return
    known = {
        answer.get("responseType"): answer.get("responseTemplates")
        for answer in aws.apigateway.get_gateway_responses(restApiId=api_id)["items"]
    }
    for api in _apis(template):
        wanted = api.get("GatewayResponses", {})
        for kind, answer in wanted.items():
            headers = answer.get("ResponseParameters", {}).get("Headers", {})
            more = {"statusCode": str(answer["StatusCode"])} if "StatusCode" in answer else {}
            aws.apigateway.put_gateway_response(
                restApiId=api_id,
                responseType=kind,
                responseParameters={
                    f"gatewayresponse.header.{name}": value for name, value in headers.items()
                },
                responseTemplates=answer.get("ResponseTemplates", {}),
                **more,
            )
        if any(known.get(kind) != wanted[kind].get("ResponseTemplates") for kind in wanted):
            aws.apigateway.create_deployment(restApiId=api_id, stageName=api["StageName"])


def _name_binary_types(api: dict[str, Any]) -> None:
    """Measured: binary types in the imported definition are ignored, those of the API are heeded.

    Chalice writes them into the definition only, which is enough for AWS.
    """
    binary = api.get("DefinitionBody", {}).get(BINARY_TYPES)
    if binary:
        api.setdefault("BinaryMediaTypes", binary)


def switch_on_expiry(aws: Aws, template: Template) -> None:
    """Measured: `TimeToLiveSpecification` in a template is accepted and ignored."""
    wanted = {
        name: resource["Properties"]["TimeToLiveSpecification"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
        and resource["Properties"].get("TimeToLiveSpecification", {}).get("Enabled")
    }
    if not wanted:
        return
    # The deployed names, which the template may leave to CloudFormation.
    pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            specification = wanted.get(resource["LogicalResourceId"])
            if specification:
                _expire(aws, resource.get("PhysicalResourceId", ""), specification["AttributeName"])


def _expire(aws: Aws, table: str, attribute: str) -> None:
    now = aws.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if now.get("TimeToLiveStatus") == "ENABLED":
        return
    aws.dynamodb.update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
    )


def answer_preflight(aws: Aws, template: Template, outputs: Mapping[str, str]) -> None:
    """Measured: imported OPTIONS methods answer 200 without a single header.

    Their integration response, put once more by hand, brings the headers of the definition.
    """
    api_id = outputs.get("RestAPIId")
    preflights = dict(_preflights(template))
    if not api_id or not preflights:
        return
    for page in aws.apigateway.get_paginator("get_resources").paginate(restApiId=api_id):
        for resource in page.get("items", []):
            parameters = preflights.get(resource.get("path", ""))
            if not parameters:
                continue
            try:
                aws.apigateway.put_integration_response(
                    restApiId=api_id,
                    resourceId=resource.get("id", ""),
                    httpMethod="OPTIONS",
                    statusCode="200",
                    responseParameters=parameters,
                )
            except ClientError as error:
                if error.response["Error"].get("Code") != "ConflictException":
                    raise


def _preflights(template: Template) -> Iterator[tuple[str, dict[str, str]]]:
    for api in _apis(template):
        for path, methods in api.get("DefinitionBody", {}).get("paths", {}).items():
            integration = methods.get("options", {}).get(INTEGRATION, {})
            for response in integration.get("responses", {}).values():
                yield path, response.get("responseParameters", {})


def _apis(template: Template) -> Iterator[dict[str, Any]]:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Api":
            yield resource.get("Properties", {})
