"""AWS clients, made once, when first used, each call with a time limit and a bounded retry."""

from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CONNECT_SECONDS = 2
READ_SECONDS = 10
MAX_ATTEMPTS = 3
MAX_CONNECTIONS = 50
"""Connections per client: as many as one process has threads (a function has one)."""
USER_AGENT = "greenroom"
"""Said as it is, because botocore puts its own together anew, twice for each call: a tenth of a
warm request."""


def client_config() -> "Config":
    """Limits for every client: far below the 29 s that API Gateway waits for an answer."""
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=MAX_CONNECTIONS,
        user_agent=USER_AGENT,
        retries={"total_max_attempts": MAX_ATTEMPTS, "mode": "standard"},
        # The bucket's own regional name, also where boto3 would take the global one: the console's
        # content security policy names it. At an address in numbers, as on a laptop, the bucket
        # stands in the path.
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        signature_version="s3v4",
    )


_THROTTLING_CODES = frozenset(
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


def is_aws_failure(error: BaseException) -> bool:
    """Return whether AWS failed: it throttled, was out of order or did not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    cause = getattr(error, "cause", None) or error  # PynamoDB's errors carry the one they are of
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = cause.response.get("Error", {}).get("Code")
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _THROTTLING_CODES
    return isinstance(cause, BotoCoreError)


class Clients:
    """One client of each kind for the life of the process, all of one session.

    botocore's own clients, which boto3's are too: what boto3 adds is not used here.
    """

    @cached_property
    def _session(self) -> "Session":
        from botocore.session import get_session

        return get_session()

    def _client(self, service: str, config: "Config | None" = None) -> Any:
        return self._session.create_client(service, config=config or client_config())

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        from botocore.config import Config

        # PynamoDB has validated what it sends, and the signature is DynamoDB's own.
        config = client_config().merge(Config(parameter_validation=False, signature_version="v4"))
        client: DynamoDBClient = self._client("dynamodb", config)
        return client

    @cached_property
    def s3(self) -> "S3Client":
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def events(self) -> "EventBridgeClient":
        client: EventBridgeClient = self._client("events")
        return client

    @cached_property
    def kms(self) -> "KMSClient":
        client: KMSClient = self._client("kms")
        return client

    @cached_property
    def cognito(self) -> "CognitoIdentityProviderClient":
        client: CognitoIdentityProviderClient = self._client("cognito-idp")
        return client

    @cached_property
    def ses(self) -> Any:
        """Return SES's client, which tries nothing twice: what it sent may be out."""
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1})
        return self._client("sesv2", client_config().merge(once))

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = self._client("secretsmanager")
        return client


class UrlPresigner:
    """Presigns GETs of a bucket's objects, all alike but for their keys.

    The client's own method works out the bucket's address anew for each key, and checks and encodes
    what stays the same: that takes as long again as signing, which a feed does twenty times.
    """

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    @cached_property
    def _address(self) -> str:
        some = {"Bucket": self._bucket, "Key": "key"}
        return self._s3.generate_presigned_url("get_object", Params=some).partition("/key?")[0]

    def url(self, key: str, seconds: int, query: Mapping[str, str]) -> str:
        """Presign a GET of one object, good for so many seconds, with the query of S3's API."""
        from botocore.awsrequest import AWSRequest

        client: Any = self._s3
        region = client.meta.region_name
        auth = client._request_signer.get_auth_instance(  # noqa: SLF001  no other way to credentials that renew themselves
            "s3", region, "s3v4-query", expires=seconds
        )
        address = f"{self._address}/{quote(key, safe='/~')}"
        request = AWSRequest(method="GET", url=address, params=query)
        auth.add_auth(request)
        return str(request.url)
