"""Descriptions of AWS services cut down for the package."""

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from local import descriptions


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    folder = tmp_path_factory.mktemp("descriptions")
    descriptions.copy_short(folder)
    return Loader(extra_search_paths=[str(folder)], include_default_search_paths=False)


@pytest.fixture(scope="module")
def whole() -> Loader:
    return Loader()


def undocumented(described: Any) -> Any:
    if isinstance(described, dict):
        return {
            name: each if name == "clientContextParams" else undocumented(each)
            for name, each in described.items()
            if name != "documentation" or not isinstance(each, str)
        }
    if isinstance(described, list):
        return [undocumented(each) for each in described]
    return described


@pytest.mark.parametrize("service", sorted(descriptions.SERVICES))
def test_a_short_description_lacks_documentation_and_nothing_else(
    short: Loader, whole: Loader, service: str
) -> None:
    for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
        mine, theirs = (each.load_service_model(service, kind) for each in (short, whole))
        assert mine == undocumented(theirs)
    model = ServiceModel(short.load_service_model(service, "service-2"), service)
    told = ServiceModel(whole.load_service_model(service, "service-2"), service)
    names = [[each.name for each in of.client_context_parameters] for of in (model, told)]
    assert names[0] == names[1]  # each request asks for them
    for name in model.operation_names:  # every shape that one refers to is there
        operation = model.operation_model(name)
        assert operation.name == name
        for shape in (operation.input_shape, operation.output_shape):
            assert shape is None or shape.type_name == "structure"


@pytest.mark.parametrize("service", sorted(descriptions.SERVICES))
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
        (Path(folder) / descriptions.ENDPOINTS).stat().st_size
        for folder in (short.search_paths[0], whole.BUILTIN_DATA_PATH)
    )
    assert mine * 10 < theirs
