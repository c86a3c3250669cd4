"""``spinal-tf serve-check``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.server_options import how_to_ask, read_server
from spinal_tf.cli.tree_choice import TreeChoice
from spinal_tf.serving.names import served_names

if TYPE_CHECKING:
    from spinal_tf.models import Networks
    from spinal_tf.remote.server_check import LocalNetworks


@click.command("serve-check")
@click.argument("url")
@click.option(
    "--model",
    "models",
    multiple=True,
    type=TreeChoice(served_names),
    help="Model to check; may be repeated. Default: all that are served.",
)
@click.option(
    "--weights",
    "weights_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of weights that the server must have. Without it, other weights are accepted and not compared.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="Number of timed requests for each model.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Maximum number of parallel requests.",
)
@how_to_ask
def serve_check(
    url: str,
    models: tuple[str, ...],
    weights_folder: Path | None,
    requests: int,
    concurrency: int,
    **how: Any,  # noqa: ANN401 - the options of the decorator
) -> None:
    """Check a TensorFlow Serving server that runs exported networks.

    URL is grpc://HOST:8500 or http://HOST:8501, or encrypted grpcs:// or https://. Shows what is served, whether the
    answers are right, and how fast they come. Asks for status and metadata, sends a simulated case, and compares the
    signatures with each other. If this machine has TensorFlow and the same weights, compares with those, too. Then
    times small requests. Exits with 6 if the server is at fault.
    """
    from spinal_tf.checkpoints.manifest import read_manifest
    from spinal_tf.errors import ServerError
    from spinal_tf.remote.connection import Connection
    from spinal_tf.remote.load import Load
    from spinal_tf.remote.server_check import check_server

    faults = 0
    with Connection(read_server(url, **how)) as connection:
        findings = check_server(
            connection,
            models,
            expected=None if weights_folder is None else read_manifest(weights_folder),
            local=_local(weights_folder),
            load=Load(requests=requests, concurrency=concurrency),
        )
        for finding in findings:
            click.echo(finding.line if finding.sound else f"{finding.line}   <- too much")
            faults += not finding.sound
    if faults:
        raise ServerError(f"{url}: {faults} of the comparisons above differ too much; export the models again")


def _local(weights_folder: Path | None) -> LocalNetworks | None:
    """Return the networks of this machine; if it has none, print this and return None."""
    from spinal_tf.checkpoints.manifest import find_weights, read_manifest
    from spinal_tf.errors import WeightsError
    from spinal_tf.models import Networks, load_anatomy, load_classifiers, load_segmenter
    from spinal_tf.remote.server_check import LocalNetworks

    if importlib.util.find_spec("tensorflow") is None:
        click.echo("no TensorFlow here: the server's answers are compared with each other alone")
        return None
    try:
        folder = weights_folder or find_weights()
        manifest = read_manifest(folder)
    except WeightsError as error:
        if weights_folder is not None:
            raise
        click.echo(f"no weights here ({error}): the server's answers are compared with each other alone")
        return None

    def load() -> Networks:
        with quiet_stderr():
            return Networks(
                segmenter=load_segmenter(folder), anatomy=load_anatomy(folder), classifiers=load_classifiers(folder)
            )

    return LocalNetworks(weights=manifest, load=load)
