"""The bucket that CloudFormation takes zips and templates from; old ones stay, for a rollback."""

import copy
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.failure import Failure
from local.template import FUNCTION, Template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LAYER = "AWS::Serverless::LayerVersion"

PRIVATE = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
FOREIGN = frozenset({"403", "AccessDenied", "Forbidden"})


@dataclass(frozen=True)
class Deployed:
    """One deployment of a stack, as a later rollback finds it."""

    template: str
    build: str
    commit: str
    at: str


class Artefacts:
    def __init__(self, s3: "S3Client", account: str, region: str, partition: str) -> None:
        self._s3 = s3
        self._region = region
        self._partition = partition
        self.bucket = f"greenroom-artefacts-{account}-{region}"
        self._owner = account

    def prepare(self) -> bool:
        """Make the bucket private, versioned and reachable by TLS only; return if it is new."""
        made = self._create()
        self._s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration=PRIVATE,  # type: ignore[arg-type]
        )
        self._s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        self._s3.put_bucket_encryption(
            Bucket=self.bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        self._s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(self._policy()))
        return made

    def _create(self) -> bool:
        try:
            self._s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self._owner)
        except ClientError as error:
            if error.response["Error"].get("Code") in FOREIGN:
                raise Failure(
                    f"The bucket {self.bucket} exists, and these credentials may not use it.",
                    "Use credentials that may; a bucket of that name in another account is a"
                    " stranger's, and nothing goes there.",
                ) from None
        else:
            return False
        # us-east-1 is the one region that S3 wants to be left unsaid.
        place: dict[str, Any] = (
            {}
            if self._region == "us-east-1"
            else {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        )
        self._s3.create_bucket(Bucket=self.bucket, **place)
        return True

    def _policy(self) -> dict[str, Any]:
        arn = f"arn:{self._partition}:s3:::{self.bucket}"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }

    def place(self, template: Template, code: Path, layer: Path | None) -> Template:
        """Upload the zips and return the template that names them, as `package` of the CLI does."""
        packaged = copy.deepcopy(template)
        kinds = {each["Type"] for each in packaged["Resources"].values()}
        where = {FUNCTION: ("CodeUri", self._file("code", code))}
        if LAYER in kinds:
            if layer is None:
                raise Failure("The template has a layer, and there is no zip of it.", "Name one.")
            where[LAYER] = ("ContentUri", self._file("layers", layer))
        for resource in packaged["Resources"].values():
            if resource["Type"] in where:
                name, key = where[resource["Type"]]
                resource["Properties"][name] = {"Bucket": self.bucket, "Key": key}
        return packaged

    def put_template(self, stack: str, template: Template) -> str:
        """Keep a packaged template under its hash; return its key."""
        body = json.dumps(template, sort_keys=True).encode()
        key = f"stacks/{stack}/{hashlib.sha256(body).hexdigest()[:20]}.json"
        self._put(key, body)
        return key

    def template(self, key: str) -> Template:
        found: Template = json.loads(self._read(key))
        return found

    def url(self, key: str) -> str:
        """Return an object's address as CloudFormation takes it: S3's, in the bucket's region."""
        endpoint = self._s3.meta.endpoint_url.rstrip("/")
        return f"{endpoint}/{self.bucket}/{key}"

    def history(self, stack: str) -> list[Deployed]:
        """Return the deployments of a stack that went well, the latest last."""
        try:
            body = self._read(_history(stack))
        except ClientError as error:
            if error.response["Error"].get("Code") in {"NoSuchKey", "NoSuchBucket"}:
                return []
            raise
        return [Deployed(**each) for each in json.loads(body)]

    def remember(self, stack: str, deployed: Deployed) -> None:
        past = [each for each in self.history(stack) if each.template != deployed.template]
        body = json.dumps([asdict(each) for each in [*past, deployed]], indent=1).encode()
        self._s3.put_object(
            Bucket=self.bucket, Key=_history(stack), Body=body, ExpectedBucketOwner=self._owner
        )

    def _read(self, key: str) -> bytes:
        """Read an object; never from a stranger's bucket of that name, once ours is gone."""
        found = self._s3.get_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._owner)
        return found["Body"].read()

    def _file(self, folder: str, file: Path) -> str:
        content = file.read_bytes()
        key = f"{folder}/{digest(content)[:40]}.zip"
        self._put(key, content)
        return key

    def _put(self, key: str, content: bytes) -> None:
        """Put what is named after its content, unless it is there already."""
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._owner)
        except ClientError:
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=content, ExpectedBucketOwner=self._owner
            )


def digest(zipped: bytes) -> str:
    """Return the digest of what a zip holds: one zlib packs tighter than another, of the same."""
    found = hashlib.sha256()
    with zipfile.ZipFile(io.BytesIO(zipped)) as content:
        for entry in sorted(content.infolist(), key=lambda each: each.filename):
            held = hashlib.sha256(content.read(entry)).hexdigest()
            found.update(f"{entry.filename}\0{entry.external_attr}\0{held}\n".encode())
    return found.hexdigest()


def _history(stack: str) -> str:
    return f"stacks/{stack}/history.json"


def parameters_of(stack: Mapping[str, Any]) -> dict[str, str]:
    return {
        each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", ())
    }
