"""TikTok tokens at rest: encrypted by KMS, bound to the member they belong to."""

import json
from typing import TYPE_CHECKING

from chalicelib.tiktok.model import Tokens

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


class TokenVault:
    """Ciphertext of one member is useless under another's name: the context has to match."""

    def __init__(self, kms: "KMSClient", key_id: str) -> None:
        self._kms = kms
        self._key_id = key_id

    def encrypt_tokens(self, program_id: str, member_id: str, tokens: Tokens) -> bytes:
        plain = json.dumps({"access": tokens.access, "refresh": tokens.refresh})
        return self.encrypt(program_id, member_id, plain)

    def decrypt_tokens(self, program_id: str, member_id: str, ciphertext: bytes) -> Tokens:
        plain = json.loads(self.decrypt(program_id, member_id, ciphertext))
        return Tokens(plain["access"], plain["refresh"])

    def encrypt(self, program_id: str, member_id: str, secret: str) -> bytes:
        answer = self._kms.encrypt(
            KeyId=self._key_id,
            Plaintext=secret.encode(),
            EncryptionContext=_encryption_context(program_id, member_id),
        )
        return answer["CiphertextBlob"]

    def decrypt(self, program_id: str, member_id: str, ciphertext: bytes) -> str:
        answer = self._kms.decrypt(
            KeyId=self._key_id,
            CiphertextBlob=ciphertext,
            EncryptionContext=_encryption_context(program_id, member_id),
        )
        return answer["Plaintext"].decode()


def _encryption_context(program_id: str, member_id: str) -> dict[str, str]:
    return {"program_id": program_id, "member_id": member_id}
