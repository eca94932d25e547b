"""TLS: the certificate is checked against the name, and a slow server runs into the same limits."""

import datetime
import ipaddress
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import faulty_server as faulty
from dedup_pipeline.stages.fetch.http.addresses import read_url
from dedup_pipeline.stages.fetch.http.client import Client


@pytest.fixture
def secure(server, tmp_path):
    """The faulty server under TLS, with a certificate for 127.0.0.1; the file of that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return file


@pytest.fixture
def request_one(server, make_settings):
    def request(path="/a.jpg", host="127.0.0.1", **settings):
        client = Client(make_settings(**settings).fetch)
        try:
            return client.request(read_url(f"https://{host}:{server.port}{path}"))
        finally:
            client.close()

    return request


def test_an_unknown_certificate_is_refused_for_good(secure, server, request_one):
    answer = request_one()
    assert (answer.status, answer.again) == ("unreachable", False)
    assert answer.detail == "the certificate is not valid: self-signed certificate"
    assert not server.requests


def test_a_certificate_that_the_system_trusts_is_taken(secure, request_one, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    assert request_one().status == "ok"


def test_a_certificate_for_another_name_is_refused(secure, server, request_one, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    answer = request_one(host="localhost", allow_hosts=("localhost",))
    assert (answer.status, answer.again) == ("unreachable", False)
    assert not server.requests


@pytest.mark.parametrize("route", [faulty.drip_headers, faulty.drip_body, faulty.silence])
def test_a_slow_answer_ends_in_time(secure, server, request_one, monkeypatch, route):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    server.routes["/a.jpg"] = route
    start = time.monotonic()
    assert request_one(read_timeout=0.3, total_timeout=0.6).status == "timeout"
    assert time.monotonic() - start < 3
