"""Release a training run's weights: file, manifest entry and model card, all or nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinal_tf.checkpoints.cutoffs import points_in_words
from spinal_tf.checkpoints.data_kind import DataKind, data_kind, kind_of_cohort
from spinal_tf.checkpoints.manifest import Checkpoint, build_network, save_checkpoint
from spinal_tf.checkpoints.weight_files import assign_weights, decode_weights
from spinal_tf.checkpoints.weight_sets import install_set, read_set
from spinal_tf.files import temporary_folder
from spinal_tf.keras_start import our_keras
from spinal_tf.networks.network_registry import ANATOMISTS
from spinal_tf.preprocess import Preprocessing
from spinal_tf.tables.csv_file import read_numbers
from spinal_tf.training.run_folder import RunFolder

CARD = """# {name}

**Trained on {data}. Research use only. Not a medical device.**

{what}

| | |
|---|---|
| network | {network} |
| trained on | {data}: {train} |
| training | step {step} of the run, the best of {validated} validated; {settings} |
| preprocessing | {preprocessing} |
| operating point | {operating_point}, {fixed_or_chosen} |

## Measured

On the validation cases ({validation}). They also chose {chosen}, so these numbers are optimistic{explained}:

{measures}

{meaning}None of the figures of Zhuo et al. 2022 apply to these weights.
"""  # noqa: E501 - wrapped when it is filled in

POINT_CHOSEN = {
    "fixed_or_chosen": "chosen on the validation cases",
    "chosen": "the step and the operating point",
    "explained": "",
}
POINT_FIXED = {
    "fixed_or_chosen": "fixed",
    "chosen": "the step",
    "explained": ". Dice is that of each structure over the voxels whose label is known, all cases together",
}
"""What the validation cases decided, for networks whose operating point they choose, and for the anatomy network."""

LINE_LENGTH = 100
"""Characters in a line of a card's prose."""

LEARNED = "they show how well the network learned the simulator. They say nothing about patients. "
MEANING = {"simulated": f"The cases were simulated: {LEARNED}", None: f"For a simulated cohort, {LEARNED}"}
"""What the measures mean, by kind of the cases."""


@our_keras()
def release_run(
    run: RunFolder, into: Path, *, data: str, kind: DataKind | None = None, notes: str = "", overwrite: bool = False
) -> str:
    """Install a run's best weights in a weights folder.

    Args:
        run: run with at least one validation.
        into: weights folder, created if missing.
        data: description of the training data that completes "trained on"; every report repeats it.
        kind: kind of the training cases, which determines how outputs describe probabilities. None infers it from the
            cohort's column ``scanner`` or the first word of ``data``.
        notes: further measurements for the card, in Markdown.
        overwrite: replace weights of the same name.

    Returns:
        ``installed``, ``replaced``, ``kept`` or ``already there``.

    Raises:
        TrainingError: the folder holds no run, or the run has no validation yet.
        WeightsError: the weights there are damaged.
        OutputError: the folder cannot be written to.
    """
    record, (best, stored) = run.read_record(), run.read_best_weights()
    kind = kind or kind_of_cohort(record["cohort"]) or data_kind({"data": data})
    checkpoint = _checkpoint(record, best, data, kind)
    source = str(run.path / best["file"])
    model = build_network(run.path, checkpoint)
    assign_weights(model, decode_weights(stored, source=source), source=source)
    with temporary_folder() as folder:
        save_checkpoint(model, folder, checkpoint, half_precision=True)
        card = _card(record, best, checkpoint, notes, validated=len(read_numbers(run.log)))
        (folder / checkpoint.card).write_text(card, encoding="utf-8")
        return install_set(read_set(folder), into, overwrite=overwrite)[checkpoint.name]


def _checkpoint(record: Mapping[str, Any], best: Mapping[str, Any], data: str, kind: DataKind | None) -> Checkpoint:
    name, with_t1c = record["name"], best.get("with_t1c")  # missing in runs of earlier versions
    return Checkpoint(
        name=name,
        network=record["network"],
        arguments={key: tuple(v) if isinstance(v, list) else v for key, v in record["arguments"].items()},
        preprocessing=Preprocessing.from_dict(record["preprocessing"]),
        operating_point=best["operating_point"],
        operating_point_t1c=with_t1c["operating_point"] if with_t1c else None,
        minimum_peak=best["minimum_peak"],
        mask_mode=record["mask_mode"],
        modalities=tuple(record["modalities"]),
        training={
            "data": data,
            **({"classes": record["classes"]} if record.get("classes") else {}),
            "kind": kind,
            "cohort": record["cohort"]["hash"],
            "cases": record["cohort"]["cases"],
            "step": best["step"],
            "plan": record["plan"],
            "options": record["options"],
            "versions": record["versions"],
            "measured": {key: round(value, 4) for key, value in _measures(best).items()},
        },
        card=f"{name}.md",
    )


def _card(
    record: Mapping[str, Any], best: Mapping[str, Any], checkpoint: Checkpoint, notes: str, *, validated: int
) -> str:
    options, cases = record["options"], record["cohort"]["cases"]
    card = CARD.format(
        name=checkpoint.name,
        data=checkpoint.training["data"],
        what=checkpoint.in_words(),
        network=checkpoint.network,
        train=_counted(cases["train"]),
        validation=_counted(cases["validation"]),
        step=best["step"],
        validated=validated,
        settings=f"batches of {options['batch']}, learning rate {options['learning_rate']:g}, seed {options['seed']}, "
        f"initial weights {record['plan']['initial']}",
        preprocessing=checkpoint.preprocessing.in_words(),
        operating_point=points_in_words(checkpoint),
        meaning=MEANING.get(checkpoint.training["kind"], ""),
        **(POINT_FIXED if checkpoint.network in ANATOMISTS else POINT_CHOSEN),
        measures="\n".join(f"- {key.replace('_', ' ')}: {value:.3f}" for key, value in _measures(best).items()),
    )
    card = _wrapped(card)
    return f"{card}\n{notes.strip()}\n" if notes.strip() else card


def _wrapped(card: str) -> str:
    """Wrap prose to `LINE_LENGTH`; table rows stay whole."""
    lines = (line if line.startswith("|") else textwrap.fill(line, LINE_LENGTH) for line in card.splitlines())
    return "\n".join(lines) + "\n"


def _measures(best: Mapping[str, Any]) -> dict[str, float]:
    """Return all measures of a validation by name, including those of the cases with T1c."""
    with_t1c = best.get("with_t1c") or {}
    return {**best["measures"], **{f"{key}_with_t1c": value for key, value in with_t1c.items()}}


def _counted(cases: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in cases.items())
