"""A stage's file: what it may say, and the words for what it may not."""

from pathlib import Path
from typing import Any

import pytest

from deploy.stage import FOLDER, Stage, check, load
from local.failure import Failure

GOOD = 'stack = "greenroom-x"\nregion = "eu-west-1"\n'
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "PublicUrl": {"Type": "String", "AllowedPattern": "(https?://[^/]+/v1)?"},
        "LogRetentionDays": {"Type": "Number", "AllowedValues": [7, 30]},
        "ApiRate": {"Type": "Number", "MinValue": 1, "MaxValue": 100},
        "QuotaMembers": {"Type": "Number", "MinValue": 1},
    }
}


def read(folder: Path, text: str) -> Stage:
    (folder / "x.toml").write_text(text, encoding="utf-8")
    return load("x", folder)


def test_the_stage_that_comes_with_it_is_good_and_holds_nothing_secret() -> None:
    stage = load("prod")
    assert (stage.stack, stage.architecture) == ("greenroom-prod", "arm64")
    text = (FOLDER / "prod.toml").read_text(encoding="utf-8").lower()
    assert "password" not in text
    assert "client_secret" not in text


def test_an_architecture_is_arm64_unless_told_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).architecture == "arm64"
    assert read(tmp_path, f'{GOOD}architecture = "x86_64"').architecture == "x86_64"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stack = ", "is not TOML"),
        ('region = "eu-west-1"', "needs stack"),
        ('stack = "a b"\nregion = "eu-west-1"', "needs stack"),
        ('stack = "a"\nregion = "Ireland"', "needs region"),
        (f'{GOOD}account = "12"', "needs account"),
        (f'{GOOD}architecture = "arm"', "needs architecture"),
        (f'{GOOD}site = "nowhere"', "is not there"),
        (f'{GOOD}stak = "a"', "mean nothing: stak"),
        (f'{GOOD}[parameters]\nBuild = "mine"', "sets Build"),
        (f"{GOOD}[parameters]\nAlarmEmail = [1]", "as text or number"),
    ],
)
def test_an_invalid_stage_file_is_refused_with_its_error(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(Failure, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["staging", "../prod", "PROD", ""])
def test_a_stage_that_is_not_there_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(Failure) as told:
        load(name)
    assert "prod" in told.value.next_step


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('PublicUrl = "https://x.example/v1/"', "it takes what fits"),
        ("LogRetentionDays = 45", "it takes 7, 30"),
        ("ApiRate = 0", "it takes 1 to 100"),
        ('ApiRate = "many"', "it takes a number"),
        ("QuotaMembers = 0", "it takes 1 to any number"),
        ('Colour = "green"', "no parameter of the template"),
    ],
)
def test_a_value_that_cloudformation_would_refuse_is_refused_before(
    tmp_path: Path, line: str, words: str
) -> None:
    with pytest.raises(Failure, match=words):
        check(read(tmp_path, f"{GOOD}[parameters]\n{line}"), TEMPLATE)


SIGN_IN: dict[str, Any] = {
    "Parameters": {
        name: {"Type": "String"}
        for name in (
            "SignInDomain",
            "CompanyOidcIssuer",
            "CompanyOidcClientId",
            "CompanyOidcSecretName",
            "CompanySamlMetadataUrl",
            "TokenIssuer",
        )
    }
}
OIDC = ("CompanyOidcIssuer", "CompanyOidcClientId", "CompanyOidcSecretName")


def signing_in(folder: Path, names: tuple[str, ...]) -> Stage:
    lines = "".join(f'{name} = "x"\n' for name in names)
    return read(folder, f"{GOOD}[parameters]\n{lines}")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("SignInDomain",), "without a company's sign-in"),
        (OIDC, "without the SignInDomain"),
        (("CompanySamlMetadataUrl",), "without the SignInDomain"),
        (("SignInDomain", *OIDC[:2]), "lacks CompanyOidcSecretName"),
        (("CompanyOidcClientId",), "lacks CompanyOidcIssuer, CompanyOidcSecretName"),
        (("SignInDomain", *OIDC, "CompanySamlMetadataUrl"), "takes one"),
        (("SignInDomain", *OIDC, "TokenIssuer"), "another issuer"),
    ],
)
def test_a_companys_sign_in_is_told_whole_or_refused(
    tmp_path: Path, names: tuple[str, ...], words: str
) -> None:
    with pytest.raises(Failure, match=words):
        check(signing_in(tmp_path, names), SIGN_IN)


@pytest.mark.parametrize(
    "names",
    [(), ("SignInDomain", *OIDC), ("SignInDomain", "CompanySamlMetadataUrl"), ("TokenIssuer",)],
)
def test_a_companys_sign_in_that_is_told_whole_is_taken(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    check(signing_in(tmp_path, names), SIGN_IN)


def test_values_that_fit_are_taken(tmp_path: Path) -> None:
    lines = (
        'PublicUrl = "https://x.example/v1"\nLogRetentionDays = 30\nApiRate = 100\nQuotaMembers = 9'
    )
    check(read(tmp_path, f"{GOOD}[parameters]\n{lines}"), TEMPLATE)
