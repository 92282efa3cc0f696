"""Certificates for servers of tests, and an authority that signs them."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
_DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates, and keeps all files in a folder; its own certificate is `file`, known by `fingerprint`."""

    def __init__(self, folder: Path, name: str = "Tests of burgee") -> None:
        self._folder, self._name = folder, _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _lasting(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self.fingerprint = made.fingerprint(hashes.SHA256()).hex()

    def certificate(self, address: str, *, valid: bool = True) -> tuple[Path, Path]:
        """The files of a certificate for an address and of its key; one that is not valid any more if it should be."""
        key = ec.generate_private_key(ec.SECP256R1())
        ended = None if valid else dt.datetime.now(dt.UTC) - _DAY
        address_of = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _lasting(_named(address), self._name, key.public_key(), ended)
            .add_extension(address_of, critical=False)
            .add_extension(signer, critical=False)
        )
        made, written = self._folder / "server.pem", self._folder / "server.key"
        signed = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        made.write_bytes(signed + self.file.read_bytes())
        form = serialization.PrivateFormat.PKCS8
        written.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return made, written


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _lasting(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, ended: dt.datetime | None = None
) -> x509.CertificateBuilder:
    until = ended or dt.datetime.now(dt.UTC) + 30 * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - 60 * _DAY)
        .not_valid_after(until)
    )
