"""What is installed is what the checkout holds, and it works from anywhere."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD_INPUTS = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
HELP_WITHOUT_TENSORFLOW = (
    "import sys; from spinal_tf.cli.main import main; main(['--help'], standalone_mode=False); "
    "sys.exit(sorted({'tensorflow', 'keras', 'cv2', 'matplotlib'} & set(sys.modules)) or 0)"
)


@pytest.fixture(scope="module")
def metadata() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def names(requirements: str) -> set[str]:
    """Distribution names in a list of requirements, normalised."""
    lines = (line.split("#")[0].strip() for line in requirements.splitlines())
    return {re.split(r"[ ;<>=~!\[]", line)[0].lower().replace("_", "-") for line in lines if line}


def run_elsewhere(arguments: list[str], folder: Path, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty folder, the installed copy in ``site`` first on the path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPINAL_TF_WEIGHTS")}
    if site is not None:
        environment["PYTHONPATH"] = str(site)
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is written into the checkout."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in BUILD_INPUTS:
        shutil.copy(ROOT / name, source)
    for folder in ("spinal_tf", "weights"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(output),
        str(source),
    ]
    built = run_elsewhere(command, output)
    assert built.returncode == 0, built.stderr
    return next(output.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed alone into an empty folder."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    installed = run_elsewhere(command, target)
    assert installed.returncode == 0, installed.stderr
    return target


def test_every_package_folder_is_listed(metadata: configparser.ConfigParser) -> None:
    folders = {".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "spinal_tf").rglob("__init__.py")}
    assert set(metadata["options"]["packages"].split()) == folders | {"spinal_tf.weights"}


def test_every_requirement_is_pinned(metadata: configparser.ConfigParser) -> None:
    extras = metadata["options.extras_require"]
    wanted = names(metadata["options"]["install_requires"]).union(*(names(extra) for extra in extras.values()))
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert wanted <= names(constraints)
    assert all("==" in line for line in constraints.splitlines() if line and not line.startswith("#"))


def imported(path: Path) -> set[str]:
    """Names that a program's import statements begin with, wherever they stand in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in plain | froms}


def test_every_package_that_is_imported_is_required(metadata: configparser.ConfigParser) -> None:
    extras = metadata["options.extras_require"]
    ours = (extra for name, extra in extras.items() if name not in ("test", "dev"))
    wanted = names(metadata["options"]["install_requires"]).union(*map(names, ours))
    modules = set().union(*(imported(path) for path in (ROOT / "spinal_tf").rglob("*.py")))
    distributions = packages_distributions()
    outside = modules - set(sys.stdlib_module_names) - {"spinal_tf"}
    assert "h5py" in outside
    undeclared = [
        name
        for name in outside
        if not {each.lower().replace("_", "-") for each in distributions.get(name, [name])} & wanted
    ]
    assert sorted(undeclared) == []


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_package_and_the_weights(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "spinal_tf").rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    data = {
        f"spinal_tf/weights/{file.name}"
        for pattern in ("*.json", "*.h5", "*.md")
        for file in (ROOT / "weights").glob(pattern)
    }
    assert "spinal_tf/weights/manifest.json" in data
    assert "spinal_tf/py.typed" in files
    assert files | data <= held
    assert not any(name.startswith(("tests/", "docs/", "weights/", "benchmarks/")) for name in held)


@pytest.mark.slow
def test_wheel_states_licence_version_and_command(wheel: Path, metadata: configparser.ConfigParser) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [information] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        folder = information.rpartition("/")[0]
        header = message_from_bytes(archive.read(information))
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
    assert header["Version"] == metadata["metadata"]["version"]
    assert "MIT" in (header["License-Expression"] or header["License"])
    assert "spinal-tf = spinal_tf.cli.main:main" in entry_points


@pytest.mark.slow
def test_installed_command_answers_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    answer = run_elsewhere([str(site / "bin" / "spinal-tf"), "--help"], tmp_path, site)
    assert answer.returncode == 0, answer.stderr
    assert "segment" in answer.stdout
    assert "classify" in answer.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_installed_package_finds_its_own_weights(site: Path, tmp_path: Path) -> None:
    program = "from spinal_tf.checkpoints.manifest import find_weights; print(find_weights())"
    answer = run_elsewhere([sys.executable, "-c", program], tmp_path, site)
    assert answer.returncode == 0, answer.stderr
    assert Path(answer.stdout.strip()) == site / "spinal_tf" / "weights"


def test_checkout_finds_its_own_weights(tmp_path: Path) -> None:
    program = "from spinal_tf.checkpoints.manifest import find_weights; print(find_weights())"
    answer = run_elsewhere([sys.executable, "-c", program], tmp_path, ROOT)
    assert answer.returncode == 0, answer.stderr
    assert Path(answer.stdout.strip()).resolve() == (ROOT / "weights").resolve()


def test_help_needs_no_heavy_import(tmp_path: Path) -> None:
    answer = run_elsewhere([sys.executable, "-c", HELP_WITHOUT_TENSORFLOW], tmp_path, ROOT)
    assert answer.returncode == 0, answer.stderr
