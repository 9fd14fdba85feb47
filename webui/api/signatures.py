"""Signatures of callbacks, as in the Standard Webhooks specification (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
from typing import Final

from pydantic import SecretStr

from webui.errors import RequestError

PREFIX: Final = "whsec_"
MIN_KEY_BYTES: Final = 24


def signing_key(secret: SecretStr) -> bytes:
    """Returns the key in the setting ``callback_secret``: base64, with or without the prefix ``whsec_``.

    Raises:
        RequestError: the secret is not valid base64, or too short.
    """
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix(PREFIX), validate=True)
    except ValueError:  # of binascii, or because of characters that are not ASCII
        key = b""
    if len(key) < MIN_KEY_BYTES:
        raise RequestError("access.bad_callback_secret", expected=MIN_KEY_BYTES)
    return key


def signed_headers(key: bytes, message_id: str, sent_s: int, body: bytes) -> list[tuple[bytes, bytes]]:
    """Returns the headers with the signature of a message.

    Args:
        key: the key.
        message_id: id of the message; the same for every attempt.
        sent_s: time of this attempt, in seconds since 1970.
        body: the body.
    """
    signed = f"{message_id}.{sent_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    return [
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", str(sent_s).encode()),
        (b"webhook-signature", b"v1," + signature),
    ]
