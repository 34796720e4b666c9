"""AWS clients, made once, when first used, each call with a time limit and a bounded retry."""

from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CONNECT_SECONDS = 2
READ_SECONDS = 10
ATTEMPTS = 3


def client_config() -> "Config":
    """Limits for every client: far below the 29 s that API Gateway waits for an answer."""
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"},
        signature_version="s3v4",
    )


_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def is_trouble_of_aws(error: BaseException) -> bool:
    """Tell whether AWS did not do what it does otherwise: throttled, out of order, no answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    cause = getattr(error, "cause", None) or error  # PynamoDB's errors carry the one they are of
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = cause.response.get("Error", {}).get("Code")
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _THROTTLED
    return isinstance(cause, BotoCoreError)


class Clients:
    """One client of each kind for the life of the process."""

    @cached_property
    def s3(self) -> "S3Client":
        import boto3

        return boto3.client("s3", config=client_config())

    @cached_property
    def sqs(self) -> "SQSClient":
        import boto3

        return boto3.client("sqs", config=client_config())

    @cached_property
    def kms(self) -> "KMSClient":
        import boto3

        return boto3.client("kms", config=client_config())

    @cached_property
    def cognito(self) -> "CognitoIdentityProviderClient":
        import boto3

        return boto3.client("cognito-idp", config=client_config())

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        import boto3

        return boto3.client("secretsmanager", config=client_config())
