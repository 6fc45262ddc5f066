"""The certificate a relay shows: its own, made once and kept beside the store, or the operator's.

The one module of the room that uses the cryptographic library, and only to make a key pair and sign a certificate with
it (docs/decisions/0015). The certificate names nobody, and its dates are as wide as the format allows: those who come
know it by its hash, so neither a name nor a clock decides anything.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tiercel.errors import StoreError

from .protocol import Trust

_NAME: Final = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # "no date" in RFC 5280 4.1.2.5
_BEGINS: Final = "-----BEGIN CERTIFICATE-----"
_ENDS: Final = "-----END CERTIFICATE-----"


def own_certificate(path: Path) -> Path:
    """The file with this relay's key and certificate, made if it is not there; the same ever after.

    Raises:
        StoreError: It cannot be written or is not whole. It is never replaced: those who know the relay by it would
            take the next for somebody else.
    """
    try:
        if not path.exists():
            _write_new(path, _made())
        path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"The certificate of the relay cannot be kept beside its store: {error.strerror}.") from error
    return path


def _made() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _write_new(path: Path, data: bytes) -> None:
    """Whole or not at all: a relay that was cut off here must not begin with half a key."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def fingerprint_of(path: Path) -> bytes:
    """SHA-256 of the first certificate in a PEM file, in DER; 32 bytes. Source: spec/relay.md 6.

    Raises:
        StoreError: There is none.
    """
    return hashlib.sha256(_der_of(path)).digest()


def trust_of(path: Path) -> Trust:
    """How people know the server of an operator's own certificate: by its hash if nobody else vouches for it.

    Raises:
        StoreError: There is none.
    """
    certificate = x509.load_der_x509_certificate(_der_of(path))
    return Trust.PINNED if certificate.issuer == certificate.subject else Trust.AUTHORITIES


def _der_of(path: Path) -> bytes:
    try:
        text = path.read_text("ascii")
        begin = text.index(_BEGINS)
        return ssl.PEM_cert_to_DER_cert(text[begin : text.index(_ENDS, begin) + len(_ENDS)])
    except OSError as error:
        raise StoreError(f"The certificate cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise StoreError("There is no whole certificate in that file.") from error


def context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.3 or 1.2 with a certificate and its key.

    Raises:
        StoreError: They cannot be read, or do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        # A word, so that nobody is asked for one at the terminal: a relay starts by itself.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise StoreError(
            "The certificate and its key cannot be read, or do not belong together.",
            remedy="The key must not be under a passphrase: nobody is there to type it.",
        ) from error
    return context
