"""Descriptions of AWS services cut down for the package."""

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver
from botocore.session import Session

from local import botocore_models
from local.home import PROJECT


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    folder = tmp_path_factory.mktemp("descriptions")
    botocore_models.copy_short(folder)
    return Loader(extra_search_paths=[str(folder)], include_default_search_paths=False)


@pytest.fixture(scope="module")
def whole() -> Loader:
    return Loader()


def undocumented(described: Any) -> Any:
    if isinstance(described, dict):
        return {
            name: undocumented(each)
            for name, each in described.items()
            if name != "documentation" or not isinstance(each, str)
        }
    if isinstance(described, list):
        return [undocumented(each) for each in described]
    return described


def described(short: Loader, whole: Loader, service: str) -> tuple[Any, Any]:
    """Return a service's description as the package has it, and as botocore has it."""
    mine, theirs = (each.load_service_model(service, "service-2") for each in (short, whole))
    return mine, undocumented(theirs)


@pytest.mark.parametrize("service", sorted(botocore_models.SERVICES))
def test_a_short_description_lacks_documentation_and_operations_and_nothing_else(
    short: Loader, whole: Loader, service: str
) -> None:
    for kind in ("endpoint-rule-set-1", "paginators-1"):
        mine, theirs = (each.load_service_model(service, kind) for each in (short, whole))
        assert undocumented(mine) == undocumented(theirs)
    mine, theirs = described(short, whole, service)
    assert len(json.dumps(mine)) * 2 < len(json.dumps(theirs))
    for kind in ("operations", "shapes"):
        assert undocumented(mine[kind]).items() <= theirs[kind].items()
    assert undocumented(mine) == {
        **theirs,
        "operations": mine["operations"],
        "shapes": mine["shapes"],
    }
    model = ServiceModel(mine, service)
    for name in model.operation_names:  # every shape that one refers to is there
        operation = model.operation_model(name)
        assert operation.name == name
        for shape in (operation.input_shape, operation.output_shape):
            assert shape is None or shape.type_name == "structure"
            whole_of(shape)
        assert [each.name for each in operation.error_shapes] == [
            each["shape"] for each in theirs["operations"][name].get("errors", ())
        ]
    assert [each.name for each in model.client_context_parameters] == [
        each.name
        for each in ServiceModel(
            whole.load_service_model(service, "service-2"), service
        ).client_context_parameters
    ]


def whole_of(shape: Any, seen: frozenset[str] = frozenset()) -> None:
    """Resolve all that a shape is made of; botocore raises for what is not there."""
    if shape is None or shape.name in seen:
        return
    parts = [getattr(shape, each, None) for each in ("member", "key", "value")]
    for each in (*getattr(shape, "members", {}).values(), *parts):
        whole_of(each, seen | {shape.name})


def test_every_granted_operation_is_described(short: Loader, whole: Loader) -> None:
    granted = re.findall(
        r"\b([a-z0-9-]+):([A-Z][A-Za-z]+)\b", (PROJECT / "infra/functions.yaml").read_text("utf-8")
    )
    operations: dict[str, set[str]] = {}
    for prefix, operation in granted:
        operations.setdefault("sesv2" if prefix == "ses" else prefix, set()).add(operation)
    found = set()
    for service in botocore_models.SERVICES & operations.keys():
        mine, theirs = (
            each.load_service_model(service, "service-2")["operations"].keys()
            for each in (short, whole)
        )
        known = operations[service] & theirs
        assert known <= mine
        if known:
            found.add(service)
    assert found == botocore_models.SERVICES


def test_an_operation_is_described_if_the_code_calls_its_method_or_names_it(
    short: Loader, tmp_path: Path
) -> None:
    (tmp_path / "one.py").write_text("client.delete_objects(Bucket=1)\nLIST = 'ListObjectsV2'\n")
    data = tmp_path / "data"
    shutil.copytree(Path(botocore.__file__).parent / "data" / "s3", data / "s3")
    shutil.copy(Path(short.search_paths[0]) / botocore_models.ENDPOINTS, data)
    botocore_models.shorten(data, botocore_models.words_of([tmp_path]))
    (file,) = data.glob("s3/*/service-2.json")
    operations = set(json.loads(file.read_text("utf-8"))["operations"])
    assert operations == {"DeleteObjects", "ListObjectsV2", *botocore_models.ASKED_BY_BOTOCORE}


def test_botocore_asks_unasked_for_no_operation_that_is_left_out(short: Loader) -> None:
    """A newer botocore that asks for another is found here."""
    source = Path(botocore.__file__).parent
    asked = {
        word
        for name in ("signers.py", "utils.py", "discovery.py", "handlers.py", "client.py")
        for word in re.findall(
            r"operation_model\(\s*['\"](\w+)|\b_?client\.([a-z]\w+)\(Bucket",
            (source / name).read_text("utf-8"),
        )
    }
    names = {operation or method for operation, method in asked}
    assert names == {"CreateBucket", "create_session", "head_bucket", "CreateTable"}
    client = client_of(short, "s3")
    form = client.generate_presigned_post("bucket", "key")
    assert form["fields"]["key"] == "key"


def test_botocore_asks_for_documentation_only_where_the_short_descriptions_have_it() -> None:
    """Elsewhere it takes its absence: a newer botocore that does not is found here."""
    source = Path(botocore.__file__).parent
    asked = [
        (file.name, line.strip())
        for file in sorted(source.rglob("*.py"))
        if "docs" not in file.relative_to(source).parts
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"""\[["']documentation["']\](?! =)""", line)
    ]
    assert asked == [
        ("model.py", "documentation=param_val['documentation'],"),
        ("model.py", "shape['documentation'] = model['documentation']"),  # behind `if ... in model`
    ]


def client_of(loader: Loader, service: str) -> Any:
    session = Session()
    session.register_component("data_loader", loader)
    return session.create_client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )


def test_the_same_descriptions_are_the_same_bytes_however_they_were_packed(
    short: Loader, tmp_path: Path
) -> None:
    first = Path(short.search_paths[0])
    again = tmp_path / "again"
    shutil.copytree(first, again)
    for number, file in enumerate(sorted(again.glob("*/*/*"))):
        packed = gzip.compress(file.read_bytes(), compresslevel=number % 9 + 1, mtime=number)
        file.with_name(f"{file.name}.gz").write_bytes(packed)
        file.unlink()
    named = {
        name
        for file in again.glob("*/*/service-2.json.gz")
        for name in json.loads(gzip.decompress(file.read_bytes()))["operations"]
    }
    botocore_models.shorten(again, named)
    made, there = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.json")}
        for folder in (again, first)
    )
    assert made == there


@pytest.mark.parametrize(("service", "method"), [("s3", "head_bucket"), ("sqs", "send_message")])
def test_a_client_finds_its_endpoint_by_the_short_descriptions(
    short: Loader, service: str, method: str
) -> None:
    client = client_of(short, service)
    parameters = {"Bucket": "bucket"} if service == "s3" else {"QueueUrl": "q", "MessageBody": "m"}
    address = client.generate_presigned_url(method, Params=parameters)
    assert f"{service}.eu-central-1.amazonaws.com" in address


@pytest.mark.parametrize("service", sorted(botocore_models.SERVICES))
def test_each_region_has_the_endpoint_it_had(short: Loader, whole: Loader, service: str) -> None:
    prefix = whole.load_service_model(service, "service-2")["metadata"]["endpointPrefix"]
    mine, theirs = (EndpointResolver(each.load_data("endpoints")) for each in (short, whole))
    for partition in theirs.get_available_partitions():
        regions = theirs.get_available_endpoints(prefix, partition)
        assert mine.get_available_endpoints(prefix, partition) == regions
        for region in (*regions, "aws-global"):
            assert mine.construct_endpoint(prefix, region) == theirs.construct_endpoint(
                prefix, region
            )


def test_the_list_of_endpoints_is_less_than_a_tenth_of_what_it_was(
    short: Loader, whole: Loader
) -> None:
    mine, theirs = (
        (Path(folder) / botocore_models.ENDPOINTS).stat().st_size
        for folder in (short.search_paths[0], whole.BUILTIN_DATA_PATH)
    )
    assert mine * 10 < theirs
