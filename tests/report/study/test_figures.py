"""Figures appear whole or not at all, the same for the same numbers, and nothing in them is cut off or covered."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from five_leaves import FIVE_LEAVES
from matplotlib.text import Text

from spinal_tf.errors import CohortError, OutputError
from spinal_tf.evaluation.predictions import SIMULATED_NOTE
from spinal_tf.report.study import figures, style
from spinal_tf.report.study.figure_file import FOLDER, NAMES, remove_figures
from spinal_tf.report.study.figures import write_figures
from spinal_tf.report.study.pictures import CasePicture
from spinal_tf.report.study.representative import representative_cases
from spinal_tf.taxonomy import NMOSD, using

ALWAYS = ["flow", "pipeline"]
NOTE = "Made up."


def picture(seed=0):
    rng = np.random.default_rng(seed)
    predicted, reference = np.zeros((2, 40, 48), bool)
    predicted[10:22, 20:25] = reference[12:26, 21:26] = True
    return CasePicture(
        image=rng.random((40, 48)),
        predicted=predicted,
        reference=reference,
        spacing_mm=(2, 1.5),
        heat=rng.random((40, 48)),
    )


def drawn(evaluation, curves=(), *, pictured=False):
    cases = representative_cases(evaluation).values() if pictured else ()
    return figures.all_drawings(evaluation, NOTE, curves, {case.name: picture() for case in cases})


def only_some(rows, *columns):
    return [{name: row[name] for name in ("case", "split", "diagnosis", *columns)} for row in rows]


def without(rows, *columns):
    return [{name: value for name, value in row.items() if name not in columns} for row in rows]


@pytest.fixture
def learning_curve(tmp_path):
    folder = tmp_path / "segmenter"
    folder.mkdir()
    path = folder / "learning-curve.csv"
    path.write_text(
        "fraction,seed,patients,cases,step,training_dice,validation_dice\n0.5,1,10,12,100,0.9,0.5\n1,1,20,24,100,0.8,0.6\n"
    )
    return path


@pytest.fixture
def small(monkeypatch):
    """Writes fast, and two figures alone."""
    monkeypatch.setattr(style, "DOTS_PER_INCH", 20)
    every = figures.all_drawings
    monkeypatch.setattr(
        figures, "all_drawings", lambda *given: [one for one in every(*given) if one.name in ("flow", "dice")]
    )


def test_all_figures_are_drawn_in_the_readers_order(rows, evaluated, plain, learning_curve):
    found = drawn(evaluated(rows(), point=None), [learning_curve], pictured=True)
    assert [drawing.name for drawing in found] == list(NAMES)
    assert len({drawing.title for drawing in found}) == len(NAMES)


def boxes(panel):
    """What a panel takes up, its legend, and its texts, in pixels."""
    legend, others = panel.get_legend(), panel.get_default_bbox_extra_artists()
    found = [panel.get_tightbbox(bbox_extra_artists=[one for one in others if one is not legend])]
    return [*found, *([legend.get_window_extent()] if legend else [])]


def inside(box, figure):
    return box.x0 > -1 and box.y0 > -1 and box.x1 < figure.bbox.width + 1 and box.y1 < figure.bbox.height + 1


def overlapping(found):
    """Pairs of boxes that lie in each other by more than two pixels."""
    return [
        (one, other)
        for one, other in combinations(found, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 2 and min(one.y1, other.y1) - max(one.y0, other.y0) > 2
    ]


UNUSUAL = {
    "validation alone, a rater always right": lambda rows: [
        row | {"rater_1": row["diagnosis"]} for row in rows(splits=("validation",))
    ],
    "test alone, ties": lambda rows: [row | {"p_ms_vs_nmosd": "0.5"} for row in rows(splits=("test",))],
    "one case": lambda rows: rows(count=1, splits=("test",)),
    "one disease, nothing marked": lambda rows: [
        row | {"volume_ml": "0", "dice": "0"} for row in rows(count=9, splits=("test",), diagnoses=(NMOSD,))
    ],
    "one task": lambda rows: without(rows(), "p_tumor_vs_demyelinating", "p_astrocytoma_vs_ependymoma"),
    "volumes over six decades, nine raters": lambda rows: [
        row | {"reference_volume_ml": f"{10 ** (index % 7 - 3)}"} for index, row in enumerate(rows(raters=9))
    ],
    "volumes all the same": lambda rows: [row | {"reference_volume_ml": "2", "volume_ml": "2"} for row in rows()],
}


def require_all_seen(drawings):
    """That nothing in these drawings is cut off or covered."""
    for drawing in drawings:
        figure = drawing.figure
        figure.canvas.draw()
        found = [box for panel in figure.axes for box in boxes(panel)] + [
            text.get_window_extent() for text in figure.texts
        ]
        assert [box for box in found if not inside(box, figure)] == [], drawing.name
        assert overlapping(found) == [], drawing.name
        for panel in figure.axes:
            texts = [Text.get_window_extent(text) for text in panel.texts if text.get_text()]
            assert overlapping(texts) == [], drawing.name


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNUSUAL)
def test_nothing_is_cut_off_or_covered(rows, evaluated, plain, kind):
    require_all_seen(drawn(evaluated(UNUSUAL[kind](rows)), pictured=True))


@pytest.mark.slow
def test_nothing_is_cut_off_or_covered_with_a_fifth_diagnosis(rows, evaluated, plain):
    with using(FIVE_LEAVES):
        require_all_seen(drawn(evaluated(rows(count=60)), pictured=True))


def test_without_masks_raters_or_facts_there_are_fewer(rows, evaluated, plain):
    names = [drawing.name for drawing in drawn(evaluated(only_some(rows(splits=("test",)), "p_ms_vs_nmosd")))]
    assert names == [*ALWAYS, "roc-test", "reliability-test", "decision-test"]


def test_every_caption_and_every_figure_has_the_note_and_the_notice(rows, evaluated, plain):
    for drawing in drawn(evaluated(rows())):
        assert drawing.caption.endswith(f". {NOTE}")
        assert "\n" not in drawing.caption
        assert drawing.figure.texts[-1].get_text().startswith(f"{NOTE}\nResearch use only.")


def test_what_the_simulator_writes_is_noted(rows, evaluated):
    assert evaluated([row | {"scanner": "Simulated"} for row in rows()]).predictions.note == SIMULATED_NOTE
    assert evaluated([row | {"scanner": "other"} for row in rows()]).predictions.note == ""
    assert evaluated(rows()).predictions.note == ""


@pytest.mark.slow
def test_the_same_numbers_give_the_same_bytes(rows, evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DOTS_PER_INCH", 30)
    first, second = (
        write_figures(evaluated(rows()), tmp_path / name, overwrite=False, note=NOTE) for name in ("first", "second")
    )
    assert [one.name for one in first] == [one.name for one in second]
    for one, other in zip(first, second, strict=True):
        assert one.svg.read_bytes() == other.svg.read_bytes(), one.name
        assert one.png.read_bytes() == other.png.read_bytes(), one.name
        assert b"<dc:date>" not in one.svg.read_bytes()


def test_files_are_where_the_records_say(rows, evaluated, tmp_path, small):
    found = write_figures(evaluated(rows()), tmp_path / "report", overwrite=False)
    folder = tmp_path / "report" / FOLDER
    assert [(one.name, one.svg, one.png) for one in found] == [
        (name, folder / f"{name}.svg", folder / f"{name}.png") for name in ("flow", "dice")
    ]
    assert found[0].svg.read_text().startswith("<?xml")
    assert found[0].png.read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.iterdir())) == 4


def test_where_one_figure_exists_none_is_written(rows, evaluated, tmp_path, small):
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "dice.png").write_text("mine")
    with pytest.raises(OutputError, match=r"dice\.png: already exists and was kept"):
        write_figures(evaluated(rows()), tmp_path, overwrite=False)
    assert [path.name for path in folder.iterdir()] == ["dice.png"]
    assert (folder / "dice.png").read_text() == "mine"


def test_overwriting_removes_figures_of_other_numbers_and_nothing_else(rows, evaluated, tmp_path, small):
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in ("roc-test.svg", "dice.svg", "mine.svg", "roc-test.txt"):
        (folder / name).write_text("old")
    write_figures(evaluated(rows()), tmp_path, overwrite=True)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["dice.png", "dice.svg", "flow.png", "flow.svg", "mine.svg", "roc-test.txt"]
    assert (folder / "dice.svg").read_text() != "old"
    remove_figures(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["mine.svg", "roc-test.txt"]


def test_a_folder_that_cannot_be_made_is_told(rows, evaluated, tmp_path):
    (tmp_path / "report").write_text("a file")
    with pytest.raises(OutputError, match="figures: cannot be made"):
        write_figures(evaluated(rows()), tmp_path / "report", overwrite=False)


def test_a_table_that_is_no_learning_curve_leaves_nothing(rows, evaluated, tmp_path):
    with pytest.raises(CohortError, match=r"none\.csv: holds no learning curve"):
        write_figures(evaluated(rows()), tmp_path, overwrite=False, learning_curves=[tmp_path / "none.csv"])
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_matplotlibs_settings_are_left_as_they_were(rows, evaluated, tmp_path, small):
    with mpl.rc_context({"font.size": 33.0}):
        write_figures(evaluated(rows()), tmp_path, overwrite=False)
        assert mpl.rcParams["font.size"] == 33.0
