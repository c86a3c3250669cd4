"""Notice on every output: research use only, and what the weights were trained on."""

from __future__ import annotations

from collections.abc import Sequence

from spinal_tf.results import ModelRecord
from spinal_tf.structures import ANATOMY

RESEARCH_ONLY = "Research use only. Not a medical device."

TRAINED = {"simulated": "were trained on simulated lesions", "mixed": "were partly trained on simulated lesions"}


def notice(models: Sequence[ModelRecord]) -> str:
    """Return the notice of a case.

    Args:
        models: models that gave the result; the notice omits those whose training cases are unknown.
    """
    simulated = any(model.kind == "simulated" for model in models)
    warning = ["Probabilities from such weights say nothing about patients."] if simulated else []
    return " ".join([RESEARCH_ONLY, *trained_on_simulated(models), *warning])


def with_training(note: str, models: Sequence[ModelRecord]) -> str:
    """Add to a note about cases what the weights behind their predictions were trained on."""
    return " ".join(filter(None, (note, *trained_on_simulated(models))))


def trained_on_simulated(models: Sequence[ModelRecord]) -> list[str]:
    """Return sentences that name the weights trained on simulated lesions; empty if no weights are known to be.

    Args:
        models: models in use; the anatomy network says nothing about lesions and is left out.
    """
    models = [model for model in models if model.name != ANATOMY]
    sentences = []
    for kind, words in TRAINED.items():
        names = [model.name for model in models if model.kind == kind]
        if names:
            which = "in use" if len(names) == len(models) else f"of {', '.join(names)}"
            sentences.append(f"The weights {which} {words}.")
    return sentences
