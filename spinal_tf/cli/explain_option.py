"""``--explain``: method of the heat maps."""

from __future__ import annotations

import click

from spinal_tf.map_methods import MapMethod


def _method(ctx: click.Context, parameter: click.Parameter, value: str) -> MapMethod:
    return MapMethod(value)


explain_option = click.option(
    "--explain",
    "method",
    type=click.Choice([method.value for method in MapMethod]),
    callback=_method,
    default=MapMethod.GRADCAM.value,
    show_default=True,
    metavar="METHOD",
    help=f"Method of the heat maps: {', '.join(method.value for method in MapMethod)}. All but the first are run by "
    "tf-keras-vis and take longer.",
)


def tell_cost(method: MapMethod) -> None:
    """Print the cost of the maps if it exceeds that of Grad-CAM."""
    if method is MapMethod.GRADCAM:
        return
    from spinal_tf.explanation.methods import forward_passes

    click.echo(
        f"{method.printed} takes about {forward_passes(method)} forward passes of a classifier for each task and "
        f"lesion-bearing slice; {MapMethod.GRADCAM.printed} takes {forward_passes(MapMethod.GRADCAM)}",
        err=True,
    )
