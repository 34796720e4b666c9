"""Measures one start of a function: `python -m bench.single_start SIDE SCENARIO`.

Prints the processor seconds of its initialisation and of its first invocation, and the most memory
that the process held (MB). The side `ours` is the function; `bare` a handler that makes the same
calls by boto3 and nothing else; `modules` the function at rest, with all that its package and those
it may call could import. This module imports as little as can be, since
its imports count on both sides.
"""

import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

PACKAGED_DESCRIPTIONS = "PACKAGED_DESCRIPTIONS"
"""The variable with the path of botocore's service descriptions as packaged."""


class Context:
    """Lambda's context object."""

    function_name = "bench"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 28_000


def ours(scenario: dict[str, Any]) -> tuple[float, float, Any]:
    os.environ["FUNCTION"] = scenario["function"]
    # A function that calls nothing of AWS does not import botocore either.
    if PACKAGED_DESCRIPTIONS in os.environ and scenario["calls"]:
        from botocore.loaders import Loader

        # In their place, not beside them: a client looks into the folder of each service there is,
        # eight in the package and four hundred here.
        Loader.BUILTIN_DATA_PATH = os.environ[PACKAGED_DESCRIPTIONS]
    import app

    handle = getattr(app, scenario["handler"])
    imported = set(sys.modules)
    begun = time.process_time()
    answer = handle(scenario["event"], Context())
    invoked = time.process_time() - begun
    later = sorted(sys.modules.keys() - imported)
    return begun, invoked, later or answer


def modules(scenario: dict[str, Any]) -> tuple[float, float, Any]:
    os.environ["FUNCTION"] = scenario["function"]
    import pkgutil
    from importlib import import_module

    import app  # noqa: F401  it gets the function ready
    import chalicelib

    found = [each.name for each in pkgutil.walk_packages(chalicelib.__path__, "chalicelib.")]
    for each in found:
        import_module(each)
    return time.process_time(), 0.0, len(found)


def peak_megabytes() -> float:
    """Return this process's peak memory. `ru_maxrss` would include its parent's memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(each for each in status.splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def bare(scenario: dict[str, Any], *, warm: bool = False) -> tuple[float, float, Any]:
    import boto3
    from boto3.dynamodb.types import TypeDeserializer
    from botocore import xform_name

    calls = scenario["calls"]
    clients: dict[str, Any] = {}
    for service, _, _ in calls:
        if service not in clients:
            clients[service] = boto3.client(service)
    if scenario["requests"]:
        import urllib3

        http = urllib3.PoolManager()
    decode = TypeDeserializer().deserialize

    def handle() -> str:
        read = []
        for service, operation, parameters in calls:
            answer = getattr(clients[service], xform_name(operation))(**parameters)
            if "Body" in answer:
                answer["Body"].read()
            read += [
                {name: decode(value) for name, value in item.items()} for item in items(answer)
            ]
        for method, url, body in scenario["requests"]:
            json.loads(http.request(method, url, body=body).data or b"{}")
        return json.dumps({"statusCode": 200, "body": json.dumps(read, default=repr)})

    if warm:
        return 0.0, 0.0, handle
    begun = time.process_time()
    told = handle()
    return begun, time.process_time() - begun, told


def bare_authorizer(scenario: dict[str, Any]) -> tuple[float, float, Any]:
    """Verify the token by PyJWT and nothing else."""
    import jwt

    keys = jwt.PyJWKClient(os.environ["KEY_SET_URL"])
    begun = time.process_time()
    token = scenario["event"]["authorizationToken"].partition(" ")[2]
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["RS256"],
        audience=os.environ["TOKEN_AUDIENCE"],
    )
    return begun, time.process_time() - begun, json.dumps({"principalId": claims["sub"]})


def sides(scenario: dict[str, Any]) -> dict[str, Any]:
    plain = bare_authorizer if scenario["function"] == "authorizer" else bare
    return {"ours": ours, "bare": plain, "modules": modules}


def items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items in an answer of DynamoDB."""
    found = list(answer.get("Items", ()))
    if answer.get("Item"):
        found.append(answer["Item"])
    responses = answer.get("Responses", ())
    for each in responses if isinstance(responses, list) else ():
        found += [each["Item"]] if each.get("Item") else []
    for several in responses.values() if isinstance(responses, dict) else ():
        found += several
    return found


if __name__ == "__main__":
    side, file = sys.argv[1:]
    prepared = pickle.loads(Path(file).read_bytes())  # noqa: S301  our own
    initialised, invoked, answered = sides(prepared)[side](prepared)
    print(json.dumps([initialised, invoked, repr(answered)[:2000], peak_megabytes()]))
