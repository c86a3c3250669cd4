"""``import spinal_tf`` costs nothing, and gives every function with its types."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import spinal_tf

SOURCE = Path(spinal_tf.__file__)
FUNCTIONS = (
    *("read", "segment", "classify", "explain", "predict_cohort", "evaluate", "simulate"),
    *("train_segmenter", "train_classifier", "train_anatomy", "export", "load_weights"),
)
IMPORT_S = 0.3
"""Most processor time that importing the package alone may take; usual is a fifth of that."""

ONCE = """
import sys, time, json
before = set(sys.modules)
start = time.process_time()
import spinal_tf
seconds = time.process_time() - start
first = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
for name in FUNCTIONS:
    getattr(spinal_tf, name)
print(json.dumps({"seconds": seconds, "first": first, "then": sorted({n.partition(".")[0] for n in sys.modules})}))
"""


def imported() -> dict:
    script = ONCE.replace("FUNCTIONS", repr(FUNCTIONS))
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def test_importing_the_package_imports_no_library_and_is_fast():
    tries = [imported() for _ in range(3)]
    others = set(tries[0]["first"]) - set(sys.stdlib_module_names) - {"spinal_tf"}
    assert others == set()
    assert min(one["seconds"] for one in tries) < IMPORT_S


def test_no_function_brings_in_tensorflow_before_a_network_runs():
    assert not {"tensorflow", "keras", "tf_keras_vis", "matplotlib", "click"} & set(imported()["then"])


def test_names_for_type_checkers_are_those_that_are_found():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    [block] = [node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING"]
    typed = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = {name: f"spinal_tf.{module}.{name}" for module, names in spinal_tf.HOMES.items() for name in names}
    assert typed == found
    assert set(FUNCTIONS) < set(found)
    for name, home in found.items():
        one = getattr(spinal_tf, name)
        assert (one.__module__, one.__name__) == tuple(home.rsplit(".", 1))
        assert name in dir(spinal_tf)


def test_a_name_that_does_not_exist_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'spinal_tf' has no attribute 'diagnose'"):
        _ = spinal_tf.diagnose


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_and_has_few_arguments(name):
    function = getattr(spinal_tf, name)
    signature = inspect.signature(function)
    assert signature.return_annotation != inspect.Signature.empty
    assert len(signature.parameters) <= 7
    for parameter in signature.parameters.values():
        assert parameter.annotation != inspect.Parameter.empty
        assert f"        {parameter.name}: " in inspect.getdoc(function).replace("\n    ", "\n        ")
        if parameter.default is not inspect.Parameter.empty and parameter.name not in ("folder", "network"):
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


def test_every_error_of_the_package_is_at_the_top():
    from spinal_tf import errors

    kinds = {name for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, Exception)}
    missing = {name for name in kinds if getattr(spinal_tf, name, None) is not getattr(errors, name)}
    assert missing == {"StoppedError"}, "which only the command line's Ctrl-C raises"


def test_type_checkers_see_the_types(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text(
        "import spinal_tf\n"
        "reveal_type(spinal_tf.segment('case.nii.gz').volume_ml)\n"
        "reveal_type(spinal_tf.classify('case.nii.gz').posterior)\n"
        "spinal_tf.explain('case.nii.gz', mask=3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(script)]
    command += ["--follow-imports", "silent", "--ignore-missing-imports"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SOURCE.parents[1])
    lines = [line.partition(": ")[2].replace("builtins.", "") for line in answer.stdout.splitlines()]
    assert lines[0] == 'note: Revealed type is "float"'
    assert lines[1] == 'note: Revealed type is "dict[str, float]"'
    assert lines[2].startswith('error: Argument "mask" to "explain" has incompatible type "int"')
