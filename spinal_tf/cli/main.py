"""The ``spinal-tf`` command: lists its subcommands without importing them, and turns errors into one sentence."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from spinal_tf import __version__
from spinal_tf.cli.failures import DEBUG, Terminated, complain, orderly_termination, quiet_end_of_pipe, sentence
from spinal_tf.cores import limit_native_threads
from spinal_tf.errors import SpinalTfError
from spinal_tf.file_names import print_any_name

COMMANDS = {
    "segment": ("segment", "Find lesions on sagittal T2w scans and outline them."),
    "classify": ("classify", "Classify the lesions down to the disease, with heat maps of the evidence."),
    "simulate": ("simulate", "Make simulated cases with known lesions."),
    "cohort": ("cohort", "Check a cohort's table and images, or compare them with the paper's Table 1."),
    "train": ("train", "Train the networks from a cohort."),
    "evaluate": ("evaluate", "Evaluate predictions beside the paper's numbers."),
    "port-weights": ("port_weights", "Import weights trained with the authors' code."),
    "export": ("export", "Export the networks, with preprocessing, for TensorFlow Serving."),
    "serve-check": ("serve_check", "Check a TensorFlow Serving server that runs exported networks."),
    "weights": ("weights", "List, verify, import or release the networks' weights."),
    "doctor": ("doctor", "Show versions, devices, weights and ignored Keras settings."),
}
"""Module and overview line of each command, so that ``--help`` imports none of them."""

INTERRUPTED = 130
TERMINATED = 143
OUR_FAULT = 1


class LazyGroup(click.Group):
    """Imports subcommands when they are run, and turns every error they raise into an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all commands, in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"spinal_tf.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, COMMANDS[name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their fixed lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Accept ``--debug`` at any position."""
        ctx.meta[DEBUG] = "--debug" in args
        return super().parse_args(ctx, [arg for arg in args if arg != "--debug"])

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click declares it
        """Run the command line; click's own messages may find their reader gone, too."""
        print_any_name(sys.stdout, sys.stderr)
        limit_native_threads()
        with quiet_end_of_pipe():
            return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:  # noqa: ANN401 - as click declares it
        """Parse the command line, which prints ``--help``; click itself would end with 1 if its reader is gone."""
        with quiet_end_of_pipe():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        """Run a command; see docs/cli.md for the exit statuses."""
        with quiet_end_of_pipe():
            return self._run(ctx)

    def _run(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        try:
            with orderly_termination():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click and `quiet_end_of_pipe` handle these
        except KeyboardInterrupt as stop:
            complain("interrupted; nothing unfinished was left behind")
            ctx.exit(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED)
        except SpinalTfError as error:
            complain(sentence(error))
            ctx.exit(error.exit_code)
        except Exception as error:  # noqa: BLE001 - the last line of defense, shown in full by --debug
            complain(sentence(error))
            ctx.exit(OUR_FAULT)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the stack trace of an error; accepted at any position."
)
@click.version_option(__version__, message="spinal-tf %(version)s")
def main() -> None:
    """Segment and classify intramedullary spinal cord lesions on sagittal T2-weighted MRI.

    Research use only; not a medical device.
    """
