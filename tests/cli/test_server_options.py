"""``--server`` and how to ask it: read, refused where they make no sense, and nothing is sent without it."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf import loaded_weights
from spinal_tf.errors import ServerError
from spinal_tf.models import Segmenter, Served
from spinal_tf.remote.server import Identity

URL = "grpc://localhost:8500"
SERVED = Served(address="a test", version=4, precision="float32", written_by="0.1.0")


@pytest.fixture
def opened(monkeypatch, checkpoints):
    """The servers that were opened; every one of them has a segmenter that calls bright voxels lesion."""
    servers = []

    def remote_segmenter(server, expected):
        if server == "down":
            raise ServerError("the server is down")
        engine = lambda batch: 1 / (1 + np.exp(np.float32(28) - 40 * batch))  # noqa: E731
        return Segmenter(checkpoint=checkpoints["segmenter"], engine=engine, served=SERVED)

    def connect(server):
        servers.append(server)
        return "down" if server.port == 1 else "up"

    monkeypatch.setattr(loaded_weights, "Connection", connect)
    monkeypatch.setattr(loaded_weights, "remote_segmenter", remote_segmenter)
    monkeypatch.setattr(loaded_weights, "remote_anatomy", lambda *_: None)
    return servers


def test_without_the_option_no_server_is_opened(run, stub_networks, bright_file, opened):
    assert run("segment", bright_file).exit_code == 0
    assert opened == []


def test_the_server_is_named_in_the_record_and_local_weights_are_not_needed(run, bright_file, opened, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", "/no/such/folder")
    assert run("segment", bright_file, "--server", URL).exit_code == 0
    assert [str(server) for server in opened] == [URL]
    record = (bright_file.parent / "case_lesion.json").read_text()
    assert '"served": "version 4 at a test, float32"' in record


def test_all_that_is_said_of_the_server_reaches_it(run, bright_file, opened, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("abc\n")
    (tmp_path / "ca.pem").write_bytes(b"certificates")
    monkeypatch.setenv("SPINAL_TF_SERVER_TOKEN", "of the environment")
    options = ("--server-token", tmp_path / "token", "--server-ca", tmp_path / "ca.pem", "--server-timeout", "7")
    options += ("--server-cert", tmp_path / "me.pem", "--server-key", tmp_path / "key.pem")
    versions = ("--server-version", "segmenter=3", "--server-version", "ms_vs_nmosd=1")
    result = run("segment", bright_file, "--server", "https://host.example:443/tfs/", *options, *versions)
    assert result.exit_code == 0, result.output
    [server] = opened
    assert str(server) == "https://host.example:443/tfs"
    assert (server.token, server.authorities, server.timeout_s) == ("abc", b"certificates", 7)
    assert server.identity == Identity(certificate=tmp_path / "me.pem", key=tmp_path / "key.pem")
    assert server.versions == {"segmenter": 3, "ms_vs_nmosd": 1}


def test_the_token_may_stand_in_the_environment(run, bright_file, opened, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_SERVER_TOKEN", "abc")
    assert run("segment", bright_file, "--server", URL).exit_code == 0
    assert opened[0].token == "abc"  # noqa: S105


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--server", "localhost:8500"), "begin it with one of grpc://"),
        (("--server", URL, "--device", "cpu"), "--device is for networks on this machine"),
        (("--server-timeout", "3"), "--server-timeout says how to ask a server; add --server"),
        (("--server", URL, "--server-version", "segmenter"), "write MODEL=NUMBER"),
        (("--server", URL, "--server-version", "segmenter=new"), "write MODEL=NUMBER"),
        (("--server", URL, "--server-token", "/no/such/file"), "/no/such/file: cannot be read"),
        (("--server", URL, "--server-timeout", "0"), "0"),
        (("--server", URL, "--server-cert", "me.pem"), "--server-cert and --server-key belong together"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run, bright_file, opened, options, words):
    result = run("segment", bright_file, *options)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert opened == []


def test_a_token_on_an_open_line_is_refused_without_showing_it(refused, bright_file, opened, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_SERVER_TOKEN", "geheim")
    sentence = refused("segment", bright_file, "--server", "http://far.example:8501", status=6)
    assert "use https://" in sentence
    assert "geheim" not in sentence
    assert opened == []


def test_with_several_cases_a_failing_server_fails_each_of_them(run, bright_file, opened):
    other = bright_file.with_name("other.nii.gz")
    other.write_bytes(bright_file.read_bytes())
    result = run("segment", bright_file.parent, "--server", "grpc://localhost:1")
    assert result.exit_code == 5
    assert result.stderr.count("the server is down") == 2
    assert not list(bright_file.parent.glob("*.json"))


def test_a_manifest_to_compare_with_must_be_there(refused, bright_file, opened, tmp_path):
    sentence = refused("segment", bright_file, "--server", URL, "--weights", tmp_path, status=4)
    assert "manifest.json: cannot be read" in sentence
