"""Write docs/cli.md from the help texts of the command line: ``python docs/generate_cli.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from spinal_tf.cli.main import main

PAGE = Path(__file__).with_name("cli.md")
INTRODUCTION = """# Command line

Written by `docs/generate_cli.py` from `--help`; edit the commands, not this page. The exit statuses stand in the
[README](../README.md#exit-status).
"""
HELP_WIDTH = 100


def contexts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """The context of a command and, depth first in the order of its help, of every visible command below it."""
    settings = {**command.context_settings, "terminal_width": HELP_WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            child = command.get_command(context, below)
            if child is not None and not child.hidden:
                yield from contexts(child, below, context)


def render() -> str:
    """The whole page."""
    sections = (
        f"## {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```\n"
        for context in contexts(main, "spinal-tf")
    )
    return "\n".join((INTRODUCTION, *sections))


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
