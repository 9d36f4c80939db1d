"""Signatures on receipts: Ed25519, by the library that everybody checks.

A store keeps a seed of its own and tells its public half; whoever has that can verify and cannot sign.
Nothing here is a secret but the seed.
"""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key of one store. `public` is its public half, in hex."""

    seed: str
    public: str

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""
        return _private(self.seed).sign(data)


def signing_key(seed: str) -> SigningKey:
    """Return the key that a seed of 32 bytes in hex makes, always the same."""
    public = _private(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SigningKey(seed, public.hex())


def is_signed(public: str, signature: bytes, data: bytes) -> bool:
    """Tell whether bytes were signed with the key whose public half this is."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
