"""Tables of lesions are read as they were written, and every fault is found in one pass."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.errors import CohortError
from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.lesion_table import COLUMNS, lesion_rows, parse_lesions
from spinal_tf.evaluation.lesionwise import LesionwiseScore, MatchedLesion
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.prediction_table import read_predictions

CASES = {"c1": {"volume_ml": "0.5", "reference_volume_ml": "1.5"}, "c2": {"volume_ml": "0", "reference_volume_ml": "0"}}
SOUND = [
    {"case": "c1", "mask": "reference", "volume_ml": "0.5", "overlap": "1", "partner_iou": "0"},
    {"case": "c1", "mask": "Reference", "volume_ml": "1", "overlap": "0,25", "partner_iou": "0.2"},
    {"case": "c1", "mask": "predicted", "volume_ml": "0.5", "overlap": "0.5", "partner_iou": "0.2"},
]


@pytest.fixture
def predictions(write_predictions):
    """Two cases, one of them without lesion."""
    rows = [
        {"case": name, "split": "test", "diagnosis": "ms", "p_ms_vs_nmosd": "0.4"} | cells
        for name, cells in CASES.items()
    ]
    return read_predictions(write_predictions(rows))


@pytest.fixture
def parse(predictions, write_predictions):
    """The function that reads rows."""
    return lambda rows: parse_lesions(write_predictions(rows, name="lesions.csv"), predictions, CASES)


@pytest.fixture
def faults(parse):
    """The function that lists the faults of the sound rows and others."""
    return lambda *rows: [str(fault) for fault in parse([*SOUND, *rows]).faults]


def test_lesions_are_read_the_largest_first(parse):
    found = parse(SOUND)
    assert found.faults == ()
    assert found.by_case == {
        "c1": LesionwiseScore(
            reference=(
                MatchedLesion(volume_ml=1, overlap=0.25, partner_iou=0.2),
                MatchedLesion(volume_ml=0.5, overlap=1, partner_iou=0),
            ),
            predicted=(MatchedLesion(volume_ml=0.5, overlap=0.5, partner_iou=0.2),),
        )
    }


shares = st.floats(0, 1)
lesions = st.lists(
    st.builds(MatchedLesion, volume_ml=st.floats(0, 1000), overlap=shares, partner_iou=shares), max_size=4
)


@given(lesions.map(lambda some: tuple(sorted(some, key=lambda one: -one.volume_ml))))
def test_what_is_written_is_read(tmp_path_factory, some):
    score = LesionwiseScore(
        reference=some, predicted=some[:1] or (MatchedLesion(volume_ml=1, overlap=0, partner_iou=0),)
    )
    folder = tmp_path_factory.mktemp("tables")
    with (folder / "lesions.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *(row.values() for row in lesion_rows("c1", score))])
    (folder / "predictions.csv").write_text("case,split,diagnosis,p_ms_vs_nmosd\nc1,test,ms,0.1\n")
    predictions = read_predictions(folder / "predictions.csv")
    assert parse_lesions(folder / "lesions.csv", predictions, ["c1"]).by_case == {"c1": score}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"mask": "ours"}, 'row 5, mask: "ours" is not a mask; write reference or predicted'),
        ({"volume_ml": "-1"}, 'row 5, volume_ml: "-1" is not a volume in mL; write a number from 0 to 10000'),
        ({"overlap": ""}, "row 5, overlap: is empty; fill it"),
        ({"partner_iou": "1.2"}, 'row 5, partner_iou: "1.2" is not a share; write a number from 0 to 1'),
        ({"case": "c3"}, 'row 5, case: "c3" is not in predictions.csv; remove it, or add it there'),
    ],
)
def test_a_bad_cell_is_one_fault_with_its_place(faults, cells, expected):
    assert faults(SOUND[2] | cells) == [expected]


def test_missing_columns_are_the_only_faults(parse):
    found = parse([{name: text for name, text in row.items() if name != "overlap"} for row in SOUND])
    assert [(fault.row, fault.column) for fault in found.faults] == [(1, "overlap")]


def test_lesions_that_are_missing_are_noticed_by_their_volume(parse):
    [fault] = parse(SOUND[1:]).faults
    assert str(fault).startswith(
        'row 1, volume_ml: the reference lesions of "c1" add up to 1 mL, but reference_volume_ml is 1.5 in row 2 of '
    )


def test_lesions_of_a_case_without_any_are_noticed(faults):
    [fault] = faults(SOUND[2] | {"case": "c2"})
    assert 'the predicted lesions of "c2" add up to 0.5 mL, but volume_ml is 0 in row 3' in fault


def test_rounded_volumes_are_no_fault(parse):
    assert parse([*SOUND[:2], SOUND[2] | {"volume_ml": "0.51"}]).faults == ()


def test_faults_of_lesions_keep_an_evaluation_from_being_made(predictions, write_predictions):
    options = EvaluationOptions(point=0.5)
    path = write_predictions([SOUND[0] | {"mask": "x"}], name="lesions.csv")
    checked = check_predictions(predictions.source, options, lesions=path)
    assert [source.name for source, found in checked.faults if found] == ["lesions.csv"]
    with pytest.raises(CohortError, match=r'lesions\.csv: row 2, mask: "x" is not a mask'):
        evaluate(checked, options)
