"""Command whose option ``--with-mask`` may take the case for its mask; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spinal_tf.cli.options import BESIDE


class WithMaskCommand(click.Command):
    """Command whose option ``--with-mask`` takes a value or none, so it may take the case for its mask."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Explain a missing case if the mask may be the case.

        Raises:
            click.UsageError: no case is given.
        """
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            mask: Any = ctx.params.get("with_mask")
            if error.param is None or error.param.name != "inputs" or mask in (None, Path(BESIDE)):
                raise
            remedy = f"write {ctx.command_path} {mask} --with-mask, or name the case before --with-mask"
            raise click.UsageError(
                f"--with-mask took {mask} for the mask, so no CASE is left; {remedy}", ctx
            ) from error
