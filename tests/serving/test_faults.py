"""What comes from a network that means ill, or fails: every answer is one of ours, and nobody else waits."""

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta

import pytest

from workbench.serving.answering import Limits

pytestmark = pytest.mark.slow

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
)  # fmt: skip
HEAD = b"POST /v1/models/lending/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def served(shop, network):
    """A gateway on a port that waits a third of a second for a head and half a second for a body."""
    shop.loader.columns = {"income": "double"}
    with network.Serving(shop.app(limits=Limits(upload=0.5, body=100_000)), head=0.3, taken=0.3) as serving:
        yield serving.port


def raw(port, *sent, seconds=5.0):
    """What comes back for bytes, until the other side closes."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        for part in sent:
            connection.sendall(part)
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                got += chunk
    return got


def test_silent_slow_and_half_open_connections_are_closed_and_others_answered(served, network):
    began = time.monotonic()
    assert raw(served) == b"", "who says nothing"
    assert raw(served, b"POST /v1/mod") == b"", "who says half a head"
    assert b"408" in raw(served, HEAD + b"Content-Length: 40\r\n\r\n{"), "who says half a body"
    assert time.monotonic() - began < 15
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(socket.create_connection(("127.0.0.1", served)))
        assert network.income(served, "lending", 4.0)[0] == 200


def test_a_client_that_does_not_take_its_answers_is_let_go(served):
    body = b'{"rows": [' + b",".join([b'{"income": 1}'] * 5000) + b"]}"
    ask = HEAD + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    with socket.create_connection(("127.0.0.1", served), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask_on(connection, ask)


def test_a_head_without_end_is_not_kept_in_memory(served):
    with socket.create_connection(("127.0.0.1", served), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask_on(connection, b"a" * 100_000)
    assert b" 422 " in raw(served, HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")


def ask_on(connection, ask):
    for _ in range(400):
        connection.sendall(ask)
        time.sleep(0.005)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served):
    assert b" 413 " in raw(served, HEAD + b"Content-Length: 99999999999\r\n\r\n{")
    chunks = [b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 10
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        assert b" 413 " in raw(served, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *chunks)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"\x00", 400), (b"\xff\xfe", 400), (b"[" * 5000, 400), (b"null", 422),
        (b'{"income": NaN}', 422), (b'{"income": Infinity}', 422), (b'{"income": -1e999}', 422),
        (b'{"income": 1e400}', 422), (b'{"income": "\\ud800"}', 422), (b"[]", 422), (b"[[]]", 422),
        (b'{"rows": {}}', 422), (b'{"inputs": {"income": []}}', 422), (b'{"dataframe_split": []}', 422),
        (b'{"rows": [{"income": 1}], "x": 1}', 422), (b"[1]", 422),
    ],
)  # fmt: skip
def test_a_body_that_is_no_row_is_a_4xx_in_words(served, network, body, status):
    got, told = network.ask(served, "/v1/models/lending/predict", body)
    assert got == status
    assert told["error"]["message"] and told["error"]["hint"]


def test_headers_cannot_be_forged_through_ids_or_paths(served):
    sent = HEAD + b"X-Request-Id: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\n{}"
    assert b"Set-Cookie" not in raw(served, sent + b"").partition(b"\r\n\r\n")[0]
    for path in (b"/v1/models/%0d%0aSet-Cookie:%20x/predict", b"/%0d%0aX: y", b"/v1/models/../../etc/passwd/predict"):
        head = raw(served, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        assert b"Set-Cookie" not in head.partition(b"\r\n\r\n")[0]
        assert head[9:10] == b"4"


def test_what_is_no_http_is_refused(served):
    assert raw(served, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[9:12] in {b"400", b""}


def test_curl_gets_an_answer(served):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    argv = [
        "curl",
        "-s",
        f"http://127.0.0.1:{served}/v1/models/lending/predict",
        "-H",
        "Content-Type: application/json",
    ]
    told = json.loads(subprocess.run([*argv, "-d", '{"income": 4}'], capture_output=True, check=True).stdout)
    assert told["predictions"][0]["score"] == pytest.approx(0.401)


def test_wrk_is_answered_again_and_again(served, tmp_path):
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    script = tmp_path / "ask.lua"
    script.write_text(
        "wrk.method, wrk.body = 'POST', '{\"income\": 4}'; wrk.headers['Content-Type'] = 'application/json'"
    )
    address = f"http://127.0.0.1:{served}/v1/models/lending/predict"
    argv = ["wrk", "-t1", "-c16", "-d1s", "--timeout", "20s", "-s", str(script), address]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told and "Socket errors" not in told, told
    assert int(told.partition(" requests in")[0].split()[-1]) > 0


def test_mlflows_own_client_gets_its_scores(served):
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's remarks on its own types
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient
    client = ScoringServerClient("127.0.0.1", served)
    client.wait_server_ready(timeout=5)
    assert client.invoke(pd.DataFrame({"income": [4.0, 9.0]})).get_predictions().iloc[:, 0].tolist() == [0, 1]


def test_tls_is_spoken_with_a_certificate(shop, network, tmp_path):
    certificate = self_signed(tmp_path)
    shop.loader.columns = {"income": "double"}
    with network.Serving(shop.app(), ssl_certfile=str(certificate)) as serving:
        trusting = ssl.create_default_context(cafile=certificate)
        with (
            socket.create_connection(("127.0.0.1", serving.port), timeout=5) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def self_signed(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_schemathesis_finds_no_answer_of_the_5xx_kind(shop, network):
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    with network.Serving(shop.app()) as serving:
        argv = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{serving.port}/openapi.json"]
        argv += [
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ]
        argv += ["--max-examples", "25", "--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-500:]
