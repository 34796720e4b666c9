"""Webhooks' secrets at rest: encrypted by KMS, bound to the webhook they belong to."""

from typing import TYPE_CHECKING

from chalicelib.webhooks.model import Secrets

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


class SecretVault:
    """Ciphertext of one webhook is useless under another's name: the context has to match."""

    def __init__(self, kms: "KMSClient", key_id: str) -> None:
        self._kms = kms
        self._key_id = key_id

    def encrypt(self, program_id: str, webhook_id: str, secrets: Secrets) -> bytes:
        answer = self._kms.encrypt(
            KeyId=self._key_id,
            Plaintext=secrets.to_text().encode(),
            EncryptionContext=_encryption_context(program_id, webhook_id),
        )
        return answer["CiphertextBlob"]

    def decrypt(self, program_id: str, webhook_id: str, sealed: bytes) -> Secrets:
        answer = self._kms.decrypt(
            KeyId=self._key_id,
            CiphertextBlob=sealed,
            EncryptionContext=_encryption_context(program_id, webhook_id),
        )
        return Secrets.from_text(answer["Plaintext"].decode())


def _encryption_context(program_id: str, webhook_id: str) -> dict[str, str]:
    return {"program_id": program_id, "webhook_id": webhook_id}
