"""Advice to choose another folder names the option for that, once, and the error stays what it is."""

from __future__ import annotations

import pytest

from spinal_tf.cli.output_option import output_option
from spinal_tf.errors import BusyError, OutputError, WeightsError


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: full; choose another folder", "a: full; choose another folder with --to"),
        ("a: full; choose another folder or ask", "a: full; choose another folder with --to or ask"),
        ("a: full; choose another folder with --cache", "a: full; choose another folder with --cache"),
        ("a: busy, or choose another folder for outputs", "a: busy, or choose another folder for outputs"),
        ("a: is a folder", "a: is a folder"),
    ],
)
@pytest.mark.parametrize("kind", [OutputError, BusyError])
def test_the_option_is_named(before, after, kind):
    with pytest.raises(kind) as caught, output_option("--to"):
        raise kind(before)
    assert (str(caught.value), type(caught.value)) == (after, kind)


def test_other_errors_stay_as_they_are():
    with pytest.raises(WeightsError, match="^choose another folder$"), output_option("--to"):
        raise WeightsError("choose another folder")


def occupied(folder):
    """A file where a folder is wanted."""
    folder.write_text("x")
    return folder / "new"


def test_export_names_out(refused, tiny_weights, checkpoints, tmp_path):
    for checkpoint in checkpoints.values():
        (tiny_weights / checkpoint.card).write_text("# A card\n", encoding="utf-8")
    out = occupied(tmp_path / "models")
    sentence = refused("export", "segmenter", "--weights", tiny_weights, "--out", out)
    assert sentence.startswith(f"{out}/segmenter/1: cannot be locked for writing")
    assert "choose another folder with --out" in sentence


def test_a_missing_card_of_weights_in_use_names_weights(refused, tiny_weights, tmp_path):
    for card in tiny_weights.glob("*.md"):
        card.unlink()
    sentence = refused("export", "segmenter", "--weights", tiny_weights, "--out", tmp_path / "models", status=4)
    assert sentence.startswith(
        f"{tiny_weights}/segmenter.md: the model card cannot be read (No such file or directory)"
    )
    assert sentence.endswith("put it there, or name other weights with --weights")


def test_import_of_weights_names_to(refused, tiny_weights, checkpoints, tmp_path):
    for checkpoint in checkpoints.values():
        (tiny_weights / checkpoint.card).write_text("# A card\n", encoding="utf-8")
    sentence = refused("weights", "import", tiny_weights, "--to", occupied(tmp_path / "a"))
    assert sentence.endswith("cannot be made (Not a directory); choose another folder with --to")


@pytest.mark.parametrize("disk", ["rw"], indirect=True)
def test_export_to_a_full_disk_is_one_sentence(refused, tiny_weights, checkpoints, disk):
    for checkpoint in checkpoints.values():
        (tiny_weights / checkpoint.card).write_text("# A card\n", encoding="utf-8")
    sentence = refused("export", "segmenter", "--weights", tiny_weights, "--out", disk)
    assert sentence.startswith(f"{disk}/segmenter/1: the disk is full, nothing was written; free some space or ")
    assert sentence.endswith(" or choose another folder with --out")
    assert [path.name for path in disk.rglob("*")] == ["segmenter"]
