"""What the documents and docstrings name exists: files, modules, functions, options."""

from __future__ import annotations

import ast
import builtins
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from spinal_tf.cli.main import main

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "weights").glob("*.md")),
    ROOT / "data_prep" / "README.md",
]
FOLDERS = ("spinal_tf", "data_prep", "benchmarks", "docs", "tests", "weights")
PROGRAMS = [
    *(path for folder in ("spinal_tf", "data_prep", "benchmarks") for path in (ROOT / folder).rglob("*.py")),
    ROOT / "docs" / "generate_cli.py",
]
PACKAGES = {path.name for path in (ROOT / "spinal_tf").rglob("*") if path.is_dir()} | {"spinal_tf"}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9_-]+")
NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(.*\))?")
SUFFIX = re.compile(r"\.(?:csv|json|py|css|npz|tex|png|html|cfg|toml|txt|config|yml)$")
IMAGE = re.compile(r"\.(?:nii|gz|h5|keras)$")
"""Names of images and weights are examples more often than not."""
PLACEHOLDER = re.compile(r"[A-Z]{3,}")
"""CASE, TASK and the like in the name of a file."""

COLUMN = re.compile(r"(?:p|gradcam)_\w+_vs_\w+|(?:bootstrap|formula)_(?:low|high)")
"""Columns of tables that are made of several words."""

FOREIGN_OPTIONS = frozenset({
    *("--constraint", "--no-deps"),  # pip
    *("--cpus", "--memory", "--rm"),  # docker
    "--check",  # sha256sum
    *("--gpus-per-node", "--nodes", "--ntasks-per-node", "--requeue", "--signal", "--time"),  # Slurm
    "--logdir",  # TensorBoard
    *("--enable_batching", "--model_config_file", "--model_config_file_poll_wait_seconds", "--monitoring_config_file"),
    *("--port", "--rest_api_port", "--ssl_config_file"),
    *("--tensorflow_inter_op_parallelism", "--tensorflow_intra_op_parallelism"),  # TensorFlow Serving
})  # fmt: skip
"""Options of other programs."""

FOREIGN_NAMES = frozenset({
    *("CUDA_VISIBLE_DEVICES", "PATH", "SPINAL_TF_REAL_DATA", "real_data", "venv", "nohup", "data_files"),
    *("PlaceholderWithDefault", "ReplaceToLinear", "tf.init_scope", "tf_keras"),
    *("MS_NMO", "astr_epen", "train0", "train1"),  # in the authors' code
    *("DataType", "ModelVersionStatus.State", "PredictionService.Predict", "TensorProto", "completions", "parallelism"),
    *("model.save", "model.export", "model.predict"),  # of Keras
    *("client_max_body_size", "grpc_pass", "logging_config", "round_robin"),  # of servers
    *("SHARED", "TEMPLATE"),
})  # fmt: skip
"""Names of other programs, of the shell, and placeholders."""


WRITTEN_BY_THE_READER = frozenset({"spinal_tf/networks/small_unet.py"})
"""Files that a page tells how to add."""


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in PROGRAMS}


@cache
def strings() -> frozenset[str]:
    """Texts in the programs: what they write, read and are asked with."""
    nodes = (node for tree in trees().values() for node in ast.walk(tree))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


@cache
def said() -> frozenset[str]:
    """The same without docstrings."""
    return strings() - frozenset(docstrings())


@cache
def modules() -> dict[str, ast.Module]:
    """By the name without its package; file names of the package are unique."""
    return {path.stem: tree for path, tree in trees().items()}


def defined(tree: ast.Module) -> set[str]:
    """Names of a module's top level."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            found |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return found


def names_in(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.alias):
        return set(node.name.split("."))
    return set()


@cache
def words() -> frozenset[str]:
    """Every name in the programs, and every word of their texts but docstrings: columns, options, keys."""
    named = {name for tree in trees().values() for node in ast.walk(tree) for name in names_in(node)}
    parts = {word for text in said() for word in re.findall(r"[\w-]+", text)}
    return frozenset(named | parts | PACKAGES | set(modules()) | set(dir(builtins)))


def docstrings(tree: ast.Module | None = None) -> Iterator[str]:
    """Of modules, classes, functions, and below constants."""
    for one in [tree] if tree else trees().values():
        for node in ast.walk(one):
            text = node.value.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) else None
            if isinstance(text, str):
                yield text


@cache
def options() -> frozenset[str]:
    """Those of every command, and those that a program names in a text of its own."""
    contexts = runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))["contexts"](main, "spinal-tf")
    flags = (flag for context in contexts for parameter in context.command.params for flag in parameter.opts)
    return frozenset((*flags, *(option for text in said() for option in OPTION.findall(text))))


@cache
def known(name: str) -> bool:
    """Whether a name with dots is one of the programs: a module's own where it begins with a module."""
    first, *rest = name.removeprefix("spinal_tf.").split(".")
    while rest and first in PACKAGES:
        first, *rest = rest
    if first in modules() and rest:
        return rest[0] in defined(modules()[first])
    return bool(COLUMN.fullmatch(name)) or all(part in words() for part in (first, *rest))


@cache
def ends() -> frozenset[str]:
    """What names of files may end in, without their suffixes."""
    return frozenset(end for end in (SUFFIX.sub("", text) for text in said()) if len(end) > 2)


def written(name: str) -> bool:
    """Whether a file is a program, or a program has the end of its name in a text of its own."""
    stem = PLACEHOLDER.sub("", SUFFIX.sub("", name))
    return stem in modules() if name.endswith(".py") else not stem or stem.endswith(tuple(ends()))


def missing(text: str, folder: Path = ROOT) -> list[str]:
    """What a text in Markdown names and is not there."""
    named = [path for path in PATH.findall(text) if path not in WRITTEN_BY_THE_READER and not PLACEHOLDER.search(path)]
    gone = [path for path in named if not (ROOT / path).exists()]
    gone += [option for option in OPTION.findall(text) if option not in options() | FOREIGN_OPTIONS]
    for token in re.findall(r"(?<!`)`([^`\s]+)`(?!`)", FENCE.sub("", text)):
        if token in FOREIGN_NAMES | WRITTEN_BY_THE_READER or IMAGE.search(token):
            continue
        if SUFFIX.search(token):
            places = (ROOT / token, ROOT / "spinal_tf" / token, folder / token)
            gone += [] if written(token) or any(place.exists() for place in places) else [token]
        elif (name := NAME.fullmatch(token)) and not known(name[1]):
            gone.append(token)
    return gone


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_what_exists(page: Path) -> None:
    assert missing(page.read_text(encoding="utf-8"), page.parent) == []


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_name_what_exists(path: Path) -> None:
    assert [name for text in docstrings(trees()[path]) for name in missing(text, path.parent)] == []


@pytest.mark.parametrize(
    "gone",
    ["spinal_tf/segment.py", "`spinal_tf/datasets/segmenter_batches.py`", "`segmenter_batches`", "--no-such-option",
     "`sanity.Similarities`", "`spinal_tf.explain.sanity.Gone`", "`no_such.csv`",
     "`gone.py`", "`preprocess.gone(plane)`"],
)  # fmt: skip
def test_a_name_that_is_gone_is_found(gone: str) -> None:
    assert missing(f"See {gone}.")[:1] == [gone.strip("`")]


def test_no_name_of_other_programs_is_listed_in_vain() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES] + list(docstrings())
    named = {token for text in texts for token in re.findall(r"`([^`\n]+)`", text)}
    used = {option for text in texts for option in OPTION.findall(text)}
    assert sorted(FOREIGN_NAMES - named) == []
    assert sorted(FOREIGN_OPTIONS - used) == []
