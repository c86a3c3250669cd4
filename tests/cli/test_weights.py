import platform
import subprocess
import sys

import pytest
import tensorflow as tf
from click.testing import CliRunner

from spinal_tf.checkpoints.manifest import MANIFEST, Checkpoint, save_checkpoint
from spinal_tf.cli import doctor as doctor_module
from spinal_tf.cli.doctor import doctor
from spinal_tf.cli.weights import weights
from spinal_tf.errors import WeightsError
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.preprocess import Preprocessing


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    checkpoint = Checkpoint(
        name="segmenter",
        network="multiresunet",
        arguments={"width": 4},
        preprocessing=Preprocessing(),
        operating_point=0.25,
        modalities=("t2w", "t1c"),
        card="segmenter.md",
    )
    save_checkpoint(build_multiresunet(width=4), folder, checkpoint, half_precision=True)
    (folder / "segmenter.md").write_text("Trained on simulated data.")
    return folder


@pytest.fixture
def folder(tmp_path, pristine, monkeypatch):
    copy = tmp_path / "weights in use"
    copy.mkdir()
    for path in pristine.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(copy))
    return copy


def damage(folder):
    path = folder / "segmenter.weights.h5"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def words(result, line_start):
    return next(line.split() for line in result.output.splitlines() if line.strip().startswith(line_start))


def assert_weights_error(result):
    assert isinstance(result.exception, WeightsError)
    assert result.exception.exit_code == 4
    return str(result.exception)


def test_list_shows_what_is_there(folder):
    result = run(weights, "list")
    assert result.exit_code == 0
    assert str(folder) in result.output
    line = words(result, "segmenter")
    assert line[1:3] == ["multiresunet", "t2w+t1c"]
    assert "0.250" in line
    assert line[-1] == "segmenter.md"


def test_verify_calls_sound_weights_sound(folder):
    result = run(weights, "verify")
    assert result.exit_code == 0
    assert words(result, "segmenter") == ["segmenter", "sound"]


def test_verify_fails_on_damage_and_says_what_to_do(folder):
    damage(folder)
    result = run(weights, "verify")
    assert words(result, "segmenter") == ["segmenter", "damaged", "or", "missing"]
    message = assert_weights_error(result)
    assert "segmenter.weights.h5: damaged" in message
    assert "spinal-tf weights import" in message


@pytest.mark.parametrize("command", ["list", "verify"])
def test_weights_that_are_missing_are_a_plain_error(folder, command):
    (folder / MANIFEST).unlink()
    assert "no manifest.json" in assert_weights_error(run(weights, command))


@pytest.mark.parametrize("command", ["list", "verify", "--help"])
def test_no_tensorflow_is_imported(folder, command):
    code = (
        "import sys; from spinal_tf.cli.weights import weights\n"
        f"weights([{command!r}], standalone_mode=False); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_import_goes_where_it_is_told_and_says_how_to_use_it(folder, tmp_path):
    target = tmp_path / "some where"
    result = run(weights, "import", folder, "--to", target)
    assert result.exit_code == 0
    assert {path.name for path in target.iterdir()} == {MANIFEST, "segmenter.weights.h5", "segmenter.md"}
    assert f"export SPINAL_TF_WEIGHTS='{target}'" in result.output


def test_import_goes_to_the_named_folder_even_before_that_exists(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tmp_path / "new"))
    result = run(weights, "import", folder)
    assert result.exit_code == 0
    assert words(result, "segmenter") == ["segmenter", "installed"]
    assert (tmp_path / "new" / MANIFEST).is_file()
    assert "export" not in result.output


def test_import_replaces_only_with_overwrite(folder, tmp_path):
    sound = tmp_path / "sound"
    run(weights, "import", folder, "--to", sound)
    damage(folder)
    kept = run(weights, "import", sound)
    assert words(kept, "segmenter")[1] == "kept"
    assert "--overwrite" in kept.output
    assert words(run(weights, "import", sound, "--overwrite"), "segmenter")[1] == "replaced"
    assert run(weights, "verify").exit_code == 0


def test_import_of_damaged_weights_installs_nothing(folder, tmp_path):
    damage(folder)
    assert "damaged" in assert_weights_error(run(weights, "import", folder, "--to", tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_import_of_no_file_is_a_usage_error(folder, tmp_path):
    assert run(weights, "import", tmp_path / "gone.zip").exit_code == 2


def test_doctor_shows_versions_devices_and_weights(folder, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0"])
    result = run(doctor)
    assert result.exit_code == 0
    shown = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    assert shown["python"] == [platform.python_version()]
    assert shown["tensorflow"] == [tf.__version__]
    assert shown["devices"] == ["cpu,", "gpu:0"]
    assert shown["segmenter"] == ["sound"]
    assert set(doctor_module.MODULES) | {"spinal-tf", "weights"} <= shown.keys()


def test_doctor_shows_everything_before_it_fails_on_damage(folder):
    damage(folder)
    result = run(doctor)
    assert "damaged," in words(result, "segmenter")
    assert "damaged or missing: segmenter; import the weights again" in assert_weights_error(result)


def test_doctor_without_weights_still_shows_versions(folder):
    (folder / MANIFEST).unlink()
    result = run(doctor)
    assert "devices" in result.output
    assert_weights_error(result)


def test_doctor_names_a_package_that_cannot_be_imported(folder, monkeypatch):
    monkeypatch.setattr(doctor_module, "MODULES", {"tf-keras-vis": "tf_keras_vis_is_not_here"})
    result = run(doctor)
    assert result.exit_code == 0
    assert "cannot be imported" in " ".join(words(result, "tf-keras-vis"))


def test_doctor_without_tensorflow_shows_the_rest(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    result = run(doctor)
    assert result.exit_code == 0
    assert "cannot be imported" in " ".join(words(result, "tensorflow"))
    assert words(result, "devices") == ["devices", "unknown", "without", "tensorflow"]
    assert words(result, "segmenter") == ["segmenter", "sound"]
