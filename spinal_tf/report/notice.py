"""What every output says before it is read: what it is not for, and what the weights behind it have seen."""

from __future__ import annotations

from collections.abc import Sequence

from spinal_tf.results import ModelRecord

RESEARCH_ONLY = "Research use only. Not a medical device."

TRAINED = {"simulated": "were trained on simulated lesions", "mixed": "were partly trained on simulated lesions"}


def notice(models: Sequence[ModelRecord]) -> str:
    """The notice of a case.

    Args:
        models: whose weights gave the result. Where nothing is known of their training cases, nothing is said of them.
    """
    simulated = any(model.kind == "simulated" for model in models)
    warning = ["Probabilities from such weights say nothing about patients."] if simulated else []
    return " ".join([RESEARCH_ONLY, *trained_on_simulated(models), *warning])


def with_training(note: str, models: Sequence[ModelRecord]) -> str:
    """A note about cases, with what their predictions' weights were trained on."""
    return " ".join(filter(None, (note, *trained_on_simulated(models))))


def trained_on_simulated(models: Sequence[ModelRecord]) -> list[str]:
    """Sentences that name the weights trained on simulated lesions; none where no weights are known to be.

    Args:
        models: whose weights are in use.
    """
    sentences = []
    for kind, words in TRAINED.items():
        names = [model.name for model in models if model.kind == kind]
        if names:
            which = "in use" if len(names) == len(models) else f"of {', '.join(names)}"
            sentences.append(f"The weights {which} {words}.")
    return sentences
