"""ffprobe goes to the validating function and to no other."""

from typing import Any

from local import layer, package

FUNCTION = "AWS::Serverless::Function"


def resources() -> dict[str, Any]:
    found: dict[str, Any] = package.build().template()["Resources"]
    return found


def test_only_the_validating_function_has_the_layer() -> None:
    functions = {
        name: each["Properties"] for name, each in resources().items() if each["Type"] == FUNCTION
    }
    assert {name for name, each in functions.items() if each.get("Layers")} == {"VideosValidate"}
    assert functions["VideosValidate"]["Layers"] == [{"Ref": "MediaLayer"}]


def test_only_the_validating_function_is_told_where_ffprobe_is() -> None:
    told = {
        name: each["Properties"].get("Environment", {}).get("Variables", {}).get("FFPROBE")
        for name, each in resources().items()
        if each["Type"] == FUNCTION
    }
    assert {name: value for name, value in told.items() if value} == {
        "VideosValidate": {"Ref": "FfprobePath"}
    }
    assert package.build().template()["Parameters"]["FfprobePath"]["Default"] == "/opt/bin/ffprobe"


def test_the_layer_is_for_the_machines_the_functions_run_on() -> None:
    made = resources()["MediaLayer"]["Properties"]
    assert made["ContentUri"] == f"./{layer.MEDIA_ZIP_NAME}"
    runs_on = [{"Ref": "Architecture"}]
    assert made["CompatibleArchitectures"] == runs_on
    assert resources()["VideosValidate"]["Properties"]["Architectures"] == runs_on
    parameter = package.build().template()["Parameters"]["Architecture"]
    assert parameter["Default"] == package.LAMBDA
    assert set(parameter["AllowedValues"]) == set(layer.ARCHITECTURES)
