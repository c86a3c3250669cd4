"""Levels of a drawn person's tissues, on T2w and in any contrast."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.cli.main import main
from spinal_tf.phantom import sources
from spinal_tf.phantom.frame import View
from spinal_tf.phantom.painting import CONTRASTS, NEVER_RANDOM, TISSUES, draw_any_tissues, draw_tissues
from spinal_tf.phantom.sources import drawn_spine

PEOPLE = 400


@pytest.fixture(scope="module")
def people():
    return [draw_any_tissues(np.random.default_rng(seed)) for seed in range(PEOPLE)]


def kind_of(person):
    """T2w, random or T1w, as far as levels show it."""
    if person["fluid"].t2 < 0.3:
        return "t1w"
    ranges = {name: t2 for name, (t2, _) in TISSUES.items()}
    inside = all(low <= person[name].t2 <= high for name, (low, high) in ranges.items())
    return "t2w" if inside else "random"


def test_contrasts_have_their_shares(people):
    kinds = [kind_of(person) for person in people]
    for kind, share in (("t2w", 0.55), ("random", 0.35), ("t1w", 0.1)):
        assert kinds.count(kind) / PEOPLE == pytest.approx(share, abs=0.06)


def test_random_levels_leave_cord_and_fluid_and_the_t1w_image(people):
    random = [person for person in people if kind_of(person) == "random"]
    for person in random:
        for name in NEVER_RANDOM:
            low, high = TISSUES[name][0]
            assert low <= person[name].t2 <= high
    muscle = [person["muscle"].t2 for person in random]
    assert min(muscle) < 0.1
    assert max(muscle) > 0.9
    assert all(
        TISSUES[name][1][0] <= one.t1 <= TISSUES[name][1][1] for person in people for name, one in person.items()
    )


def test_t1w_has_dark_fluid_and_bright_fat(people):
    for person in people:
        if kind_of(person) == "t1w":
            assert person["fluid"].t2 < person["cord"].t2 < person["fat"].t2


def test_without_a_choice_levels_are_t2w_as_ever():
    assert CONTRASTS["t2w"] is draw_tissues
    given, usual = (
        drawn_spine(np.random.default_rng(1), View(level="cervical", fine_mm=4.0, fine_slices=4, with_t1c=False), **how)
        for how in ({}, {"tissues": draw_tissues})
    )
    np.testing.assert_array_equal(given.t2, usual.t2)


def test_another_contrast_shows_the_same_person():
    view = View(level="cervical", fine_mm=4.0, fine_slices=4, with_t1c=False)
    usual, other = (
        drawn_spine(np.random.default_rng(3), view, tissues=tissues) for tissues in (draw_tissues, draw_any_tissues)
    )
    assert not np.array_equal(usual.t2, other.t2)
    np.testing.assert_array_equal(usual.frame.x_mm, other.frame.x_mm)
    np.testing.assert_array_equal(usual.cord > 0.5, other.cord > 0.5)


def simulate(folder, *options):
    return CliRunner().invoke(main, ["simulate", str(folder), "--cases", "1", "--workers", "1", *options])


def test_the_command_records_random_contrasts_and_resumes_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "IN_PLANE_MM", (2.4, 2.6))
    usual, random = tmp_path / "usual", tmp_path / "random"
    assert simulate(usual).exit_code == 0
    assert simulate(random, "--contrasts", "random").exit_code == 0
    made = [json.loads((one / "sim-0001" / "parameters.json").read_text())["made_with"] for one in (usual, random)]
    assert made[1] == {**made[0], "contrasts": "random"}
    assert "contrasts" not in made[0]
    told = simulate(usual, "--contrasts", "random", "--resume")
    assert told.exit_code == 3
    assert "was made with another seed or other options" in told.output
