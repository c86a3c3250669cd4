"""What goes wrong between client and server is said in one sentence, and tried again only where that is safe."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.cli.main import main
from spinal_tf.errors import RequirementError, ServerError
from spinal_tf.images.volume import read_mask, read_volume
from spinal_tf.preprocess import MAXIMUM_INPUT_SIDE
from spinal_tf.remote import connection as connection_module
from spinal_tf.remote import grpc_transport, rest_transport
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.model import find_model
from spinal_tf.remote.networks import remote_classifiers, remote_segmenter
from spinal_tf.remote.server import Identity, Server, parse_address
from spinal_tf.remote.server_failures import LARGEST_MESSAGE_BYTES, Kind, RequestFailure
from spinal_tf.serving.names import DESCRIBE, TILES

grpc = pytest.importorskip("grpc")

TOKEN = "geheim-7f3a"  # noqa: S105 - of a server that lives for one test
TILE = np.zeros((1, 16, 16, 1), np.float32)
BOTH = pytest.mark.parametrize("scheme", ["grpc", "http"])
ENCRYPTED = pytest.mark.parametrize("scheme", ["grpcs", "https"])


class Numbers:
    """Versions 1 and 3 of a segmenter without TensorFlow: every answer is half of the first slice it was shown."""

    def __init__(self, record) -> None:
        self.record = record
        self.answer = lambda tiles: tiles[..., :1] / 2

    def versions(self, name):
        return [3, 1] if name == "segmenter" else []

    def signatures(self, name, version):
        from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

        signatures = {TILES: SignatureDef(), DESCRIBE: SignatureDef()}
        signatures[TILES].inputs["tiles"].dtype = 1
        signatures[DESCRIBE].inputs["times"].dtype = 3
        return signatures if version == 3 else {TILES: signatures[TILES]}

    def predict(self, name, version, signature, inputs, wanted):
        if signature == DESCRIBE:
            return {"description": np.array([json.dumps(self.record).encode()], object)}
        return {"probability": self.answer(inputs["tiles"])}


@pytest.fixture
def numbers(checkpoints):
    weights = {"segmenter": checkpoints["segmenter"].to_dict()}
    return Numbers(
        {"format": 1, "model": "segmenter", "precision": "float32", "spinal-tf": "0.1.0", "weights": weights}
    )


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """How long was waited between attempts; nobody really waits."""
    slept: list[float] = []
    monkeypatch.setattr(connection_module, "time", type("Clock", (), {"sleep": staticmethod(slept.append)}))
    return slept


@pytest.fixture
def running(standin_module, numbers):
    """The function that starts a stand-in; it ends with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(standin_module.serve(numbers, **options))


def server(standin, scheme: str, **options) -> Server:
    host, _, port = (standin.grpc if scheme.startswith("grpc") else standin.rest).partition(":")
    return Server(scheme=scheme, host=host, port=int(port), **options)


def segmented(where: Server) -> np.ndarray:
    with Connection(where) as connection:
        return remote_segmenter(connection).engine(TILE + 1)


def refused(where: Server) -> str:
    with pytest.raises(ServerError) as error:
        segmented(where)
    sentence = str(error.value)
    assert sentence.startswith(f"{where}: the server ")
    assert "\n" not in sentence
    assert sentence.isprintable()
    return sentence


@BOTH
def test_a_sound_server_answers(running, scheme):
    np.testing.assert_array_equal(segmented(server(running(), scheme)), TILE + 0.5)


@BOTH
def test_nobody_there(waits, scheme):
    with socket.socket() as taken:
        taken.bind(("localhost", 0))  # bound, and not listening
        where = Server(scheme=scheme, host="localhost", port=taken.getsockname()[1], timeout_s=20)
        assert "cannot be reached or is overloaded" in refused(where)
    assert [0.25, 0.5, 1.0] <= waits <= [0.5, 1.0, 2.0]
    assert len(waits) == 3


@BOTH
def test_an_overloaded_server_is_asked_again(standin_module, running, waits, scheme):
    busy = iter([True, True, True, False, False])

    def before():
        if next(busy):
            raise standin_module.Refusal(grpc.StatusCode.UNAVAILABLE, "queue is full")

    np.testing.assert_array_equal(segmented(server(running(before=before), scheme)), TILE + 0.5)
    assert len(waits) == 3


@BOTH
@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNAUTHENTICATED", "NOT_FOUND", "INTERNAL"])
def test_a_refusal_is_final_and_its_words_are_passed_on(standin_module, running, waits, scheme, code):
    def before():
        raise standin_module.Refusal(grpc.StatusCode[code], "because\nof \x07 this")

    assert "because of this" in refused(server(running(before=before), scheme))
    assert waits == []


@BOTH
def test_a_deadline_that_passes_is_not_tried_again(running, waits, scheme):
    started, over = [], threading.Event()

    def before():
        started.append(time.monotonic())
        over.wait(30)

    where = server(running(before=before), scheme, timeout_s=0.5)
    assert "no answer within 0.5 s" in refused(where)
    over.set()
    assert (len(started), waits) == (1, [])


@BOTH
def test_versions(running, scheme):
    standin = running()
    with Connection(server(standin, scheme)) as connection:
        assert connection.find_versions("segmenter") == {3: "AVAILABLE", 1: "AVAILABLE"}
        assert connection.find_versions("none") == {}
        assert connection.signatures("segmenter", 3) == {TILES: ("tiles",), DESCRIBE: ("times",)}
        assert find_model(connection, "segmenter").version == 3
    assert "no version 2 of segmenter, only 1 (AVAILABLE), 3 (AVAILABLE)" in refused(
        server(standin, scheme, versions={"segmenter": 2})
    )
    with Connection(server(standin, scheme, versions={"segmenter": 1})) as connection:
        with pytest.raises(ServerError, match="version 1, has no description of itself; export it again"):
            find_model(connection, "segmenter")
        with pytest.raises(ServerError, match="no model called tumor_vs_demyelinating"):
            remote_classifiers(connection)


@BOTH
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"format": 2}, "format 2 instead of 1"),
        ({"model": "pipeline"}, "it was exported as pipeline"),
        ({"weights": {"segmenter": {}}}, "unknown or missing entries"),
        ({"weights": []}, "not understood"),
    ],
)
def test_a_model_that_is_another_one_is_refused(running, numbers, scheme, wrong, words):
    numbers.record.update(wrong)
    with Connection(server(running(), scheme)) as connection, pytest.raises(ServerError, match=words):
        find_model(connection, "segmenter")


@BOTH
@pytest.mark.parametrize("answer", [lambda tiles: tiles[0], lambda tiles: tiles * np.float32(np.nan)])
def test_an_answer_of_another_kind_is_refused(running, numbers, scheme, answer):
    numbers.answer = answer
    with pytest.raises(ServerError, match=r"answered with probability of shape .* finite numbers of shape \(1, 16"):
        segmented(server(running(), scheme))


@BOTH
def test_a_message_beyond_the_limit_is_named(running, scheme, monkeypatch):
    monkeypatch.setattr(rest_transport, "LARGEST_MESSAGE_BYTES", 1500)
    sizes = [(name, 1000 if "length" in name else value) for name, value in grpc_transport.OPTIONS]
    monkeypatch.setattr(grpc_transport, "OPTIONS", sizes)
    assert "refuses a message of this size" in refused(server(running(), scheme))


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "side"), [("grpc", 2048), ("http", 1024)])
def test_a_large_slice_passes_with_its_neighbours(running, scheme, side):
    tiles = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    with Connection(server(running(), scheme)) as connection:
        np.testing.assert_array_equal(remote_segmenter(connection).engine(tiles), tiles[..., :1] / 2)


def test_the_largest_slice_with_its_neighbours_fits_into_a_message_of_json():
    dark = (np.random.default_rng(0).random((64, 64, 3)) ** 4).astype(np.float32)  # many digits
    assert len(json.dumps(dark.tolist())) / 64**2 * MAXIMUM_INPUT_SIDE**2 < 0.6 * LARGEST_MESSAGE_BYTES


@pytest.mark.slow
def test_the_largest_volume_passes_a_slice_at_a_time(running, numbers, write_nifti, tmp_path):
    numbers.answer = lambda tiles: 1 / (1 + np.exp(np.float32(28) - 40 * tiles))  # above 0.7 of the intensity
    mask = np.zeros((60, 1024, 1024), bool)
    mask[20:23, 400:440, 500:520] = True
    data = np.where(mask, np.int16(1000), np.arange(100, 612, dtype=np.int16).repeat(2))
    # The pixels of the network's input, so that it is as large as the slices.
    affine = np.array([[-3.0, 0, 0, 90], [0, 0, -0.7, 350], [0, -0.7, 0, 350], [0, 0, 0, 1]])
    path, standin = write_nifti(tmp_path / "large.nii", data, affine), running()
    done = CliRunner().invoke(main, ["segment", str(path), "--server", f"grpc://{standin.grpc}"])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(read_mask(tmp_path / "large_lesion.nii.gz", like=read_volume(path)), mask)
    assert [what for what, *_ in standin.asked].count("predict") >= len(mask)


@BOTH
def test_a_token_opens_the_door_and_is_never_shown(running, scheme):
    standin = running(token=TOKEN)
    assert "give a file with a valid token with --server-token" in refused(server(standin, scheme))
    assert "valid" in refused(server(standin, scheme, token="wrong"))  # noqa: S106
    right = server(standin, scheme, token=TOKEN)
    np.testing.assert_array_equal(segmented(right), TILE + 0.5)
    assert TOKEN not in f"{right} {right!r}"


def test_a_token_that_the_server_repeats_is_hidden(standin_module, running):
    def before():
        raise standin_module.Refusal(grpc.StatusCode.INTERNAL, f"no such user as {TOKEN}")

    standin = running(before=before, token=TOKEN)
    assert "no such user as ***" in refused(server(standin, "grpc", token=TOKEN))


def test_a_token_stays_at_home_where_it_could_be_read():
    for scheme in ("grpc", "http"):
        with pytest.raises(ServerError, match=f"use {scheme}s://") as error:
            Server(scheme=scheme, host="far.example", port=1, token=TOKEN)
        assert TOKEN not in str(error.value)
    for host in ("localhost", "127.0.0.1", "::1"):
        Server(scheme="grpc", host=host, port=1, token=TOKEN)
    Server(scheme="grpcs", host="far.example", port=1, token=TOKEN)
    with pytest.raises(ServerError, match="empty or contains a blank"):
        Server(scheme="https", host="far.example", port=1, token="a\r\nHost: b")  # noqa: S106


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files of a private key and of the certificate that goes with it, of the server."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture(scope="module")
def client_certificate(tmp_path_factory):
    """The same of a client."""
    return make_certificate(tmp_path_factory.mktemp("client"), "client")


def make_certificate(folder, name, *options):
    """Make a certificate that is signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command += ["-keyout", str(key), "-out", str(certificate), *(options or ["-nodes"])]
    subprocess.run(command, check=True, capture_output=True)
    return key, certificate


@ENCRYPTED
def test_encryption_trusts_only_whom_it_was_told_to(running, certificate, waits, scheme):
    standin = running(certificate=certificate, token=TOKEN)
    assert "does not offer a trusted encrypted connection" in refused(server(standin, scheme))
    assert waits == []
    trusted = server(standin, scheme, authorities=certificate[1].read_bytes(), token=TOKEN)
    np.testing.assert_array_equal(segmented(trusted), TILE + 0.5)


@ENCRYPTED
def test_a_file_without_certificates_is_named(scheme):
    with pytest.raises(ServerError, match="holds no certificates in PEM form"):
        Connection(Server(scheme=scheme, host="localhost", port=1, authorities=b"nothing"))


@ENCRYPTED
def test_a_server_that_asks_who_is_there_is_shown_a_certificate(
    running, certificate, client_certificate, waits, scheme
):
    standin = running(certificate=certificate, clients=client_certificate[1])
    trust = {"authorities": certificate[1].read_bytes()}
    np.testing.assert_array_equal(
        segmented(server(standin, scheme, **trust, identity=identity(*client_certificate))), TILE + 0.5
    )
    for other in ({}, {"identity": identity(*certificate)}):  # none, and one that somebody else signed
        assert "give it with --server-cert and --server-key" in refused(server(standin, scheme, **trust, **other))


@ENCRYPTED
def test_a_certificate_needs_its_own_key_in_the_open(certificate, client_certificate, tmp_path, scheme):
    (tmp_path / "empty.pem").touch()
    locked, _ = make_certificate(tmp_path, "client", "-passout", "pass:secret")
    for key in (certificate[0], tmp_path / "empty.pem", locked, tmp_path / "gone.pem"):
        shown = identity(key, client_certificate[1])
        with pytest.raises(ServerError, match=f"and {key} are not a matching certificate and private key") as error:
            Connection(Server(scheme=scheme, host="localhost", port=1, identity=shown))
        assert str(error.value).isprintable()


@BOTH
def test_certificates_without_encryption_are_refused(scheme, tmp_path):
    for given in ({"authorities": b"some"}, {"identity": identity(tmp_path, tmp_path)}):
        with pytest.raises(ServerError, match=f"need an encrypted connection; use {scheme}s://"):
            Server(scheme=scheme, host="localhost", port=1, **given)


def identity(key, certificate):
    return Identity(certificate=certificate, key=key)


@ENCRYPTED
def test_encryption_with_a_server_that_has_none_is_refused(running, waits, scheme):
    assert "does not offer a trusted encrypted connection" in refused(server(running(), scheme))


def test_the_wrong_port_is_no_riddle(running, waits):
    standin = running()
    rest = int(standin.rest.partition(":")[2])
    assert "check the address" in refused(Server(scheme="grpc", host="localhost", port=rest))
    binary = int(standin.grpc.partition(":")[2])
    assert "check that this is the port of TensorFlow Serving" in refused(
        Server(scheme="http", host="localhost", port=binary)
    )


def test_without_grpcio_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(grpc_transport.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequirementError, match=r"pip install 'spinal-tf\[grpc\]', or name the http:// port"):
        Connection(Server(scheme="grpc", host="localhost", port=1))


def test_only_what_was_not_available_is_asked_again(waits):
    asked = []

    class Failing:
        def __init__(self, kind):
            self.kind = kind

        def versions(self, model):
            asked.append(self.kind)
            raise RequestFailure(self.kind, "for this test")

    for kind in Kind:
        connection = Connection(Server(scheme="http", host="localhost", port=1), transport=Failing(kind))
        if kind is Kind.MISSING:
            assert connection.find_versions("segmenter") == {}
        else:
            with pytest.raises(ServerError, match="for this test|within 120 s"):
                connection.find_versions("segmenter")
    assert {kind: asked.count(kind) for kind in Kind} == {kind: 4 if kind is Kind.UNAVAILABLE else 1 for kind in Kind}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("grpc://host:8500", ("grpc", "host", 8500, "")),
        ("http://host:8501/", ("http", "host", 8501, "")),
        ("https://Host.example:443/serving", ("https", "host.example", 443, "/serving")),
        ("grpcs://[::1]:8500", ("grpcs", "::1", 8500, "")),
    ],
)
def test_addresses(url, expected):
    assert parse_address(url) == expected
    scheme, host, port, path = expected
    written = str(Server(scheme=scheme, host=host, port=port, path=path))
    assert parse_address(written) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("host:8500", "begin it with one of grpc://"),
        ("ftp://host:1", "begin it with"),
        ("grpc://host", "HOST:PORT"),
        ("grpc://host:80000", "HOST:PORT"),
        ("grpc://:8500", "HOST:PORT"),
        ("http://host:8501?a=b", "HOST:PORT"),
        ("grpc://host:8500/path", "no path"),
        ("http://me:secret@host:8501", "must not contain a user or password"),
    ],
)
def test_what_is_no_address_is_refused(url, words):
    with pytest.raises(ValueError, match=words) as error:
        parse_address(url)
    assert "secret" not in str(error.value)
