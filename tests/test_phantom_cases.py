import csv
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.cli.main import main
from spinal_tf.phantom import case as case_module
from spinal_tf.phantom import cohort, sources
from spinal_tf.phantom.case import simulate_case
from spinal_tf.phantom.frame import REGION_OF_LEVEL
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.taxonomy import Diagnosis
from spinal_tf.volume import read_aligned, read_mask, read_volume

A, E, M, N = Diagnosis.ASTROCYTOMA, Diagnosis.EPENDYMOMA, Diagnosis.MS, Diagnosis.NMOSD
DRAWS = 200


def coarse_background(seed=0):
    return procedural_background(
        np.random.default_rng(seed), level="cervical", spacing_mm=(1.75, 2.0, 1.6), size=(15, 120, 80)
    )


def always(background):
    """A source that knows one spine."""
    return lambda rng, view: background


@pytest.fixture(scope="module")
def cases():
    source = always(coarse_background())
    return {d: simulate_case(np.random.default_rng(2), d, source) for d in Diagnosis}


def contents(case):
    return case.t2.tobytes(), case.t1c.tobytes(), case.mask.tobytes(), case.lesions


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_a_case_is_whole(cases, diagnosis):
    case = cases[diagnosis]
    assert case.diagnosis is diagnosis
    assert case.t2.shape == case.t1c.shape == case.mask.shape
    assert case.t2.dtype == case.t1c.dtype == np.float32
    assert case.mask.dtype == bool
    assert case.mask.any()
    assert case.t2.min() >= 0
    assert case.spacing_mm[0] in (1.75, 3.5)
    cord = np.median(case.t2[case.mask])
    assert 50 < cord < 1200


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(cases):
    same = simulate_case(np.random.default_rng(2), M, always(coarse_background()))
    assert contents(same) == contents(cases[M])
    other = simulate_case(np.random.default_rng(3), M, always(coarse_background()))
    assert contents(other)[0] != contents(cases[M])[0]


def test_the_mask_is_where_at_least_half_of_a_voxel_is_lesion(monkeypatch):
    background = coarse_background()
    fraction = np.zeros(background.t2.shape, np.float32)
    fraction[:, 40, 30], fraction[:, 40, 31], fraction[:, 40, 32] = 0.49, 0.5, 0.51
    monkeypatch.setattr(case_module, "add_lesions", lambda rng, background, lesions: (background, fraction))
    mask = simulate_case(np.random.default_rng(0), M, always(background)).mask
    assert np.unique(np.argwhere(mask)[:, 1:], axis=0).tolist() == [[40, 31], [40, 32]]
    assert mask.any(axis=(1, 2)).all()


def test_the_affine_is_in_package_order_and_centred(cases):
    case = cases[A]
    centre = case.affine @ [*((np.array(case.t2.shape) - 1) / 2), 1]
    np.testing.assert_allclose(centre, [0, 0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(case.affine @ [1, 0, 0, 0], [-case.spacing_mm[0], 0, 0, 0])
    np.testing.assert_allclose(case.affine @ [0, 1, 0, 0], [0, 0, -2.0, 0])
    np.testing.assert_allclose(case.affine @ [0, 0, 1, 0], [0, -1.6, 0, 0])


def test_a_background_without_t1c_gives_a_case_without():
    case = simulate_case(np.random.default_rng(0), N, always(replace(coarse_background(), t1c=None)))
    assert case.t1c is None
    assert case.mask.any()


def test_a_healthy_person_has_a_cord_and_no_lesion():
    case = simulate_case(np.random.default_rng(0), None, always(coarse_background()))
    assert (case.diagnosis, case.lesions) == (None, ())
    assert not case.mask.any()
    assert case.cord.any()
    assert case.t2.shape == case.cord.shape == case.levels.shape


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_lesions_are_part_of_the_cord_and_every_voxel_of_cord_has_its_level(cases, diagnosis):
    case = cases[diagnosis]
    assert case.cord.dtype == bool
    assert case.levels.dtype == np.uint8
    assert (case.cord | ~case.mask).all()
    assert not case.levels[~case.cord].any()
    rows = case.levels.max(axis=(0, 2)).astype(int)
    rows = rows[rows > 0]
    assert np.all(np.diff(rows) >= 0)
    assert rows[0] == 1
    assert rows[-1] > 7


def test_levels_are_drawn_with_their_published_shares():
    asked = []

    def source(rng, view):
        asked.append(view)
        raise StopIteration

    for seed in range(DRAWS):
        with pytest.raises(StopIteration):
            simulate_case(np.random.default_rng(seed), E, source)
    levels = [view.level for view in asked]
    for level, share in DISEASES[E].levels.items():
        assert abs(levels.count(level) / DRAWS - share) < 3.5 * np.sqrt(share * (1 - share) / DRAWS)
    thick = [view for view in asked if view.fine_mm > 1]
    assert np.mean([view.with_t1c for view in asked]) == pytest.approx(DISEASES[E].contrast, abs=0.06)
    assert len(thick) / DRAWS == pytest.approx(0.85, abs=0.09)
    for view in thick:
        assert view.fine_slices // 2 in range(11, 16)
        assert 3 <= 2 * view.fine_mm <= 4
    for view in asked:
        if view not in thick:
            assert view.fine_mm == 0.9
            assert 35 < view.fine_slices * 0.9 < 50


@pytest.mark.parametrize("diagnosis", [A, M])
def test_without_a_background_the_lesion_lies_at_the_drawn_level(monkeypatch, diagnosis):
    made = {}

    def coarser(rng, *, level, spacing_mm, size):
        made["level"] = level
        made["background"] = procedural_background(
            rng,
            level=level,
            spacing_mm=(1.75, 3 * spacing_mm[1], 3 * spacing_mm[2]),
            size=(12, size[1] // 3, size[2] // 3),
        )
        return made["background"]

    monkeypatch.setattr(sources, "procedural_background", coarser)
    case = simulate_case(np.random.default_rng(4), diagnosis)
    first, last = REGION_OF_LEVEL[made["level"]]
    regions = [made["background"].frame.region[lesion.centre_row] for lesion in case.lesions]
    assert all(first <= region <= last for region in regions)
    assert case.mask.any()


# Cohorts on disk


@pytest.fixture
def coarse(monkeypatch):
    """Cases of the cohort on a coarse background, which takes a tenth of the time."""
    background = coarse_background()
    monkeypatch.setattr(
        cohort, "simulate_case", lambda rng, diagnosis: simulate_case(rng, diagnosis, always(background))
    )
    return background


def simulate(*arguments):
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def snapshot(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_simulate_writes_cases_that_can_be_read_and_a_table(coarse, tmp_path):
    out = tmp_path / "new" / "cohort"
    result = simulate(out, "--cases", 5, "--seed", 7)
    assert result.exit_code == 0, result.output
    assert "[5/5]" in result.output
    with (out / "cohort.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["diagnosis"] for row in rows] == ["astrocytoma", "ependymoma", "ms", "nmosd", "astrocytoma"]
    assert [row["case"] for row in rows] == [row["patient"] for row in rows] == [f"sim-{n:04d}" for n in range(1, 6)]
    assert {row["split"] for row in rows} == {"test"}
    expected = simulate_case(np.random.default_rng([7, 3]), M, always(coarse))
    t2 = read_volume(out / rows[2]["t2"])
    np.testing.assert_array_equal(t2.data, np.round(expected.t2))
    np.testing.assert_allclose(t2.affine, expected.affine, atol=1e-4)
    np.testing.assert_array_equal(read_mask(out / rows[2]["mask"], like=t2), expected.mask)
    np.testing.assert_array_equal(read_aligned(out / rows[2]["t1c"], like=t2).data, np.round(expected.t1c))
    record = json.loads((out / "sim-0003" / "parameters.json").read_text(encoding="utf-8"))
    assert "nothing about patients" in record["notice"]
    assert record["diagnosis"] == "ms"
    assert record["lesions"] == json.loads(json.dumps([asdict(lesion) for lesion in expected.lesions]))


def test_simulate_keeps_what_exists_unless_told_to_replace_it(coarse, tmp_path):
    assert simulate(tmp_path, "--cases", 2, "--diagnosis", "ms").exit_code == 0
    before = snapshot(tmp_path)
    refused = simulate(tmp_path, "--cases", 2, "--seed", 1)
    assert refused.exit_code == 3
    assert "cohort.csv: already exists and was kept; add --overwrite" in refused.output
    assert snapshot(tmp_path) == before
    assert simulate(tmp_path, "--cases", 2, "--seed", 1, "--overwrite").exit_code == 0
    after = snapshot(tmp_path)
    assert after.keys() == before.keys()
    assert after["sim-0001/t2.nii.gz"] != before["sim-0001/t2.nii.gz"]


def test_an_existing_case_is_kept_and_no_table_appears(coarse, tmp_path):
    (tmp_path / "sim-0001").mkdir()
    (tmp_path / "sim-0001" / "mask.nii.gz").write_text("a person's work")
    result = simulate(tmp_path, "--cases", 2)
    assert result.exit_code == 3
    assert "mask.nii.gz: already exists" in result.output
    assert list(snapshot(tmp_path)) == ["sim-0001/mask.nii.gz"]


def test_a_longer_run_begins_with_the_same_cases(coarse, tmp_path):
    simulate(tmp_path / "short", "--cases", 1, "--diagnosis", "nmosd")
    simulate(tmp_path / "long", "--cases", 2, "--diagnosis", "nmosd")
    short, long = snapshot(tmp_path / "short"), snapshot(tmp_path / "long")
    for name in ("t2.nii.gz", "t1c.nii.gz", "mask.nii.gz", "parameters.json"):
        assert short[f"sim-0001/{name}"] == long[f"sim-0001/{name}"]
        assert long[f"sim-0001/{name}"] != long[f"sim-0002/{name}"]


def test_a_case_without_t1c_leaves_its_column_empty(monkeypatch, tmp_path):
    background = replace(coarse_background(), t1c=None)
    monkeypatch.setattr(
        cohort, "simulate_case", lambda rng, diagnosis: simulate_case(rng, diagnosis, always(background))
    )
    list(cohort.write_cohort(tmp_path, [M], cases=1, seed=0, overwrite=False))
    header, row = (tmp_path / "cohort.csv").read_text(encoding="utf-8").splitlines()
    assert header == "case,patient,t2,t1c,mask,diagnosis,split"
    assert row == "sim-0001,sim-0001,sim-0001/t2.nii.gz,,sim-0001/mask.nii.gz,ms,test"
    assert not (tmp_path / "sim-0001" / "t1c.nii.gz").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    result = simulate(tmp_path / "file" / "cohort")
    assert result.exit_code == 3
    assert "cannot be made" in result.output
