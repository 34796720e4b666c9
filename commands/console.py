"""Publishing a built console: files that a page asks for first are uploaded last."""

import json
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PAGE = "index.html"
CONFIG = "config.json"
FOR_EVER = "public, max-age=31536000, immutable"  # a name with a hash of the content
ALWAYS_ASK = "no-cache"
MANIFEST = "application/manifest+json"
API_BASE = "/v1"


def publish(s3: "S3Client", bucket: str, folder: Path, config: Mapping[str, Any]) -> int:
    """Put the files of `folder` and the config into the bucket; return how many files there are.

    The page goes last: whoever loads it finds all that it names. Files that it named before stay,
    for the pages that are open. Raises `NotBuilt` if this is no built console.
    """
    if not (folder / PAGE).is_file():
        raise NotBuilt(folder)
    _put_config(s3, bucket, config)
    names = sorted(_files(folder), key=lambda name: (not _is_hashed(name), name == PAGE))
    for name in names:
        s3.put_object(
            Bucket=bucket,
            Key=name,
            Body=(folder / name).read_bytes(),
            ContentType=_content_type(name),
            CacheControl=FOR_EVER if _is_hashed(name) else ALWAYS_ASK,
        )
    return len(names)


def publish_site(s3: "S3Client", bucket: str, folder: Path) -> int:
    """Put an owner's own files beside the console's: TikTok's file, privacy and terms pages.

    Return how many there are. Raises ValueError for one that would take the place of the console's.
    """
    names = list(_files(folder))
    taken = [name for name in names if name in {PAGE, CONFIG} or _is_hashed(name)]
    if taken:
        raise ValueError(f"{', '.join(taken)} of {folder} would take the place of the console's.")
    for name in names:
        s3.put_object(
            Bucket=bucket,
            Key=name,
            Body=(folder / name).read_bytes(),
            ContentType=_content_type(name),
            CacheControl=ALWAYS_ASK,
        )
    return len(names)


class NotBuilt(Exception):
    """The folder holds no built console."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"There is no {PAGE} in {folder}. Build the console: make console.")


def config_of(
    parameters: Mapping[str, str], outputs: Mapping[str, str], region: str
) -> dict[str, Any]:
    """Return what the console has to know of its deployment, by the stack's parameters and outputs.

    With a company's sign-in federated into the pool, the issuer is the pool itself, which ends its
    own session at an address of its own instead of OpenID Connect's.
    """
    if issuer := parameters.get("TokenIssuer"):
        client_id = parameters.get("TokenAudience", "")
        return {"api_base": API_BASE, "issuer": {"authority": issuer, "client_id": client_id}}
    if client_id := outputs.get("CompanyClientId", ""):
        pool = f"https://cognito-idp.{region}.amazonaws.com/{outputs['UserPoolId']}"
        domain = f"https://{parameters['SignInDomain']}.auth.{region}.amazoncognito.com"
        company = {"authority": pool, "client_id": client_id, "logout": f"{domain}/logout"}
        return {"api_base": API_BASE, "issuer": company}
    return {"api_base": API_BASE}


def _put_config(s3: "S3Client", bucket: str, config: Mapping[str, Any]) -> None:
    s3.put_object(
        Bucket=bucket,
        Key=CONFIG,
        Body=json.dumps(config).encode(),
        ContentType="application/json",
        CacheControl=ALWAYS_ASK,
    )


def _files(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        # The list of which file needs which is for the budgets' test alone.
        if file.is_file() and not name.startswith("."):
            yield name


def _is_hashed(name: str) -> bool:
    return name.startswith("assets/")


def _content_type(name: str) -> str:
    if name.endswith(".webmanifest"):
        return MANIFEST
    if name.endswith(".js"):
        return "text/javascript; charset=utf-8"
    found = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found
