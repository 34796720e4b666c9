"""Tokens at rest: the longest that are taken are still encrypted, and come back as they were."""

from typing import Any, cast

import pytest

from chalicelib.tiktok.client import MAX_TOKEN_LENGTH
from chalicelib.tiktok.model import Tokens
from chalicelib.tiktok.vault import TokenVault

KMS_BYTES = 4096


class Kms:
    """Encrypts what KMS would, under the context that it is given."""

    def encrypt(self, *, Plaintext: bytes, EncryptionContext: Any, **_more: Any) -> Any:  # noqa: N803
        assert len(Plaintext) <= KMS_BYTES
        return {"CiphertextBlob": repr((EncryptionContext, Plaintext)).encode()}

    def decrypt(self, *, CiphertextBlob: bytes, **_more: Any) -> Any:  # noqa: N803
        context, plain = eval(CiphertextBlob)  # noqa: S307  its own words
        assert context == _more["EncryptionContext"]
        return {"Plaintext": plain}


@pytest.mark.parametrize("character", ["x", '"', "\\"])
def test_the_longest_tokens_are_what_kms_encrypts_however_they_are_escaped(character: str) -> None:
    longest = Tokens(character * MAX_TOKEN_LENGTH, character * MAX_TOKEN_LENGTH)
    vault = TokenVault(cast(Any, Kms()), "key")
    kept = vault.encrypt_tokens("prg_1", "mem_1", longest)
    assert vault.decrypt_tokens("prg_1", "mem_1", kept) == longest
