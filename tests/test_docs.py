"""The documents agree with the code, with each other, and with the command line."""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from spinal_tf.cli.main import main

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("weights/*.md")),
    ROOT / "data_prep" / "README.md",
]
PAGES_WITH_COMMANDS = (
    "quickstart",
    "python",
    "cohort",
    "training",
    "evaluation",
    "weights",
    "porting",
    "method",
    "serving",
)
GUIDES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in PAGES_WITH_COMMANDS)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate_cli.py"), run_name="generate_cli")
CONTEXTS = {context.command_path: context for context in GENERATOR["contexts"](main, "spinal-tf")}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fenced(page: Path, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def shell_lines(first_word: str) -> list[str]:
    lines = (line for page in GUIDES for block in fenced(page, "sh") for line in block.splitlines())
    return sorted(
        {
            line.removeprefix("venv/bin/")
            for line in lines
            if line.removeprefix("venv/bin/").startswith(f"{first_word} ")
        }
    )


def heading_anchors(page: Path) -> set[str]:
    """The fragments that a page's headings answer to, as repository sites make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_command_reference_is_up_to_date() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    # In a process of its own: click keeps the help option of a command that a test ran without its group.
    code = "import runpy; print(runpy.run_path('docs/generate_cli.py')['render'](), end='')"
    fresh = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert page == fresh.stdout, "run `make docs`"


@pytest.mark.parametrize("path", CONTEXTS)
def test_every_command_and_option_says_what_it_does(path: str) -> None:
    command = CONTEXTS[path].command
    assert command.help
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("path", CONTEXTS)
def test_every_command_and_option_stands_in_the_reference(path: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    section = page.split(f"## {path}\n", 1)[1].split("\n## ", 1)[0]
    for parameter in CONTEXTS[path].command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert max(parameter.opts, key=len) in section


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8")))
    for target in targets:
        if target.startswith("https://"):
            continue
        file, _, fragment = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), target
        if fragment:
            assert fragment in heading_anchors(linked), target


@pytest.mark.parametrize("line", shell_lines("spinal-tf"))
def test_commands_shown_exist_with_their_options(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, *words = shlex.split(line)
    monkeypatch.chdir(tmp_path)
    for file in (Path(word) for word in words if "." in word):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    while words and f"{path} {words[0]}" in CONTEXTS:
        path = f"{path} {words.pop(0)}"
    command = CONTEXTS[path].command
    assert not isinstance(command, click.Group), f"{path} needs a command"
    command.make_context(path, words)  # parses only; refuses unknown options and missing arguments


@pytest.mark.parametrize("line", shell_lines("make"))
def test_make_targets_shown_exist(line: str) -> None:
    assert set(line.split()[1:]) <= make_targets()


@pytest.mark.parametrize("block", [block for page in GUIDES for block in fenced(page, "python")])
def test_python_shown_imports_what_exists(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_every_part_of_the_paper_has_a_module_or_is_planned() -> None:
    page = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    table = page.split("## From the paper to the code", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for element, place in rows:
        files = re.findall(r"`(spinal_tf/[\w/.]*)`", place)
        assert files or "planned" in place or "`" in place, element
        assert [file for file in files if not (ROOT / file).exists()] == [], element


def test_readme_says_first_what_the_software_is_not() -> None:
    opening = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## ", 1)[0]
    for words in ("research only", "not a medical device", "*simulated* lesions", "unknown", "lower spine"):
        assert words in opening


def test_ci_runs_the_command_that_the_readme_gives_and_no_other_test() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == "exec make test"
    assert "make test" in fenced(ROOT / "README.md", "sh")[0].splitlines()
    assert not any("pytest" in line for line in script)


def test_version_is_the_same_everywhere() -> None:
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    version = metadata["metadata"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
