import csv
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from dataclasses import asdict, replace

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf.cli.main import main
from spinal_tf.errors import BusyError, OutputError, VolumeError
from spinal_tf.images.volume import read_aligned, read_mask, read_volume
from spinal_tf.locks import locked
from spinal_tf.phantom import processes
from spinal_tf.phantom import simulated_cohort as cohort
from spinal_tf.phantom.plan import plan_cohort
from spinal_tf.phantom.processes import ONE_THREAD, map_processes
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.phantom.simulated_cohort import Backgrounds, Writing, read_backgrounds, write_cohort
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.taxonomy import EPENDYMOMA, MS

COLUMNS = (
    "case,patient,t2,t1c,mask,diagnosis,split,sex,age_years,scan_date,difficult,scanner,field_strength,level,"
    "extent_vertebrae,enhancement,cord,levels,anatomy,vertebrae,background"
)


def coarse_source(rng, view):
    """A spine of a tenth of the voxels, the same each time."""
    return procedural_background(
        np.random.default_rng(0),
        level="cervical",
        spacing_mm=(1.75, 2.0, 1.6),
        size=(22, 120, 80),
        with_t1c=view.with_t1c,
    )


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(cohort, "read_backgrounds", lambda backgrounds: coarse_source)


def simulate(*arguments):
    return CliRunner().invoke(main, ["simulate", *map(str, arguments), "--workers", "1"])


def snapshot(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(folder):
    with (folder / "cohort.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_simulate_writes_cases_that_can_be_read_and_a_table(coarse, tmp_path):
    out = tmp_path / "new" / "cohort"
    result = simulate(out, "--cases", 5, "--seed", 7)
    assert result.exit_code == 0, result.output
    assert "[5/5]" in result.output
    rows = rows_of(out)
    assert [row["diagnosis"] for row in rows] == ["astrocytoma", "ependymoma", "ms", "nmosd", "astrocytoma"]
    assert [row["case"] for row in rows] == [row["patient"] for row in rows] == [f"sim-{n:04d}" for n in range(1, 6)]
    assert [row["split"] for row in rows] == ["test"] * 4 + ["train"]
    expected = simulate_case(np.random.default_rng([7, 3]), MS, coarse_source)
    row = rows[2]
    t2 = read_volume(out / row["t2"])
    np.testing.assert_array_equal(t2.data, np.round(expected.t2))
    np.testing.assert_allclose(t2.affine, expected.affine, atol=1e-4)
    np.testing.assert_array_equal(read_mask(out / row["mask"], like=t2), expected.mask)
    np.testing.assert_array_equal(read_mask(out / row["cord"], like=t2), expected.cord)
    for name in ("levels", "anatomy", "vertebrae"):
        np.testing.assert_array_equal(read_aligned(out / row[name], like=t2).data, getattr(expected, name))
    record = json.loads((out / "sim-0003" / "parameters.json").read_text(encoding="utf-8"))
    assert "nothing about patients" in record["notice"]
    assert record["row"] == row
    assert record["lesions"] == json.loads(json.dumps([asdict(lesion) for lesion in expected.lesions]))
    assert record["degradations"] == json.loads(json.dumps(asdict(expected.degradations)))
    assert record["view_level"] == expected.view_level
    assert record["background"] == row["background"] == "procedural"


def test_the_table_tells_what_the_images_hold(coarse, tmp_path):
    simulate(tmp_path, "--cases", 8, "--healthy", 2, "--seed", 1)
    assert (tmp_path / "cohort.csv").read_text(encoding="utf-8").splitlines()[0] == COLUMNS
    for row in rows_of(tmp_path):
        assert bool(row["t1c"]) == (tmp_path / row["case"] / "t1c.nii.gz").exists()
        ill = row["diagnosis"] != "healthy"
        assert bool(row["mask"]) == ill == (tmp_path / row["case"] / "mask.nii.gz").exists()
        assert bool(row["level"]) == bool(row["extent_vertebrae"]) == bool(row["difficult"]) == ill
        assert row["enhancement"] in (("yes", "no") if ill and row["t1c"] else ("",))
        assert row["sex"] in ("female", "male")
        assert 4 <= int(row["age_years"]) <= 84
        assert row["scan_date"][:4] in (("2019", "2020") if row["split"] == "test" else map(str, range(2012, 2019)))
        assert row["field_strength"] in ("1.5", "3")
        assert row["scanner"] == "simulated"
    assert [row["case"] for row in rows_of(tmp_path)][-2:] == ["healthy-0001", "healthy-0002"]


def test_simulate_keeps_what_exists_unless_told_to_replace_it(coarse, tmp_path):
    assert simulate(tmp_path, "--cases", 2, "--diagnosis", "ms").exit_code == 0
    before = snapshot(tmp_path)
    refused = simulate(tmp_path, "--cases", 2, "--seed", 1)
    assert refused.exit_code == 3
    assert "cohort.csv: already exists and was kept; add --overwrite" in refused.output
    assert snapshot(tmp_path) == before
    assert simulate(tmp_path, "--cases", 2, "--seed", 1, "--overwrite").exit_code == 0
    assert snapshot(tmp_path)["sim-0001/t2.nii.gz"] != before["sim-0001/t2.nii.gz"]


def test_an_existing_case_is_kept_and_no_table_appears(coarse, tmp_path):
    (tmp_path / "sim-0001").mkdir()
    (tmp_path / "sim-0001" / "mask.nii.gz").write_text("a person's work")
    result = simulate(tmp_path, "--cases", 2)
    assert result.exit_code == 3
    assert "mask.nii.gz: already exists" in result.output
    assert list(snapshot(tmp_path)) == ["sim-0001/mask.nii.gz"]


def test_a_longer_run_and_healthy_people_leave_the_first_cases_alone(coarse, tmp_path):
    simulate(tmp_path / "short", "--cases", 1, "--diagnosis", "nmosd")
    simulate(tmp_path / "long", "--cases", 2, "--healthy", 1, "--diagnosis", "nmosd")
    short, long = snapshot(tmp_path / "short"), snapshot(tmp_path / "long")
    for name in ("t2.nii.gz", "mask.nii.gz", "cord.nii.gz", "parameters.json"):
        assert short[f"sim-0001/{name}"] == long[f"sim-0001/{name}"]
        assert long[f"sim-0001/{name}"] != long[f"sim-0002/{name}"]


def test_resume_keeps_complete_cases_and_makes_the_others(coarse, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    simulate(whole, "--cases", 4)
    expected = snapshot(whole)
    broken = tmp_path / "broken"
    simulate(broken, "--cases", 4)
    (broken / "cohort.csv").unlink()
    (broken / "sim-0002" / "parameters.json").unlink()
    (broken / "sim-0003" / "anatomy.nii.gz").unlink()
    kept = (broken / "sim-0001" / "t2.nii.gz").stat().st_mtime_ns
    made = []
    real = cohort.simulate_case
    monkeypatch.setattr(cohort, "simulate_case", lambda *given: made.append(given[1]) or real(*given))
    result = simulate(broken, "--cases", 4, "--resume")
    assert result.exit_code == 0, result.output
    assert snapshot(broken) == expected
    assert made == [EPENDYMOMA, MS]
    assert (broken / "sim-0001" / "t2.nii.gz").stat().st_mtime_ns == kept


def test_resume_makes_cases_of_an_earlier_version_again(coarse, tmp_path):
    simulate(tmp_path, "--cases", 1)
    expected = snapshot(tmp_path)
    record = tmp_path / "sim-0001" / "parameters.json"
    earlier = json.loads(record.read_text(encoding="utf-8"))
    del earlier["row"]["anatomy"]
    record.write_text(json.dumps(earlier), encoding="utf-8")
    (tmp_path / "sim-0001" / "anatomy.nii.gz").unlink()
    assert simulate(tmp_path, "--cases", 1, "--resume").exit_code == 0
    assert snapshot(tmp_path) == expected


def test_cases_without_known_bones_have_no_labels_of_them(tmp_path, monkeypatch):
    def source(rng, view):
        return replace(coarse_source(rng, view), anatomy=None)

    monkeypatch.setattr(cohort, "read_backgrounds", lambda backgrounds: source)
    assert simulate(tmp_path, "--cases", 1, "--sheet").exit_code == 0
    (row,) = rows_of(tmp_path)
    assert row["anatomy"] == row["vertebrae"] == ""
    assert row["cord"] == "sim-0001/cord.nii.gz"
    assert not list(tmp_path.glob("*/anatomy*")) + list(tmp_path.glob("*/vertebrae*"))
    from PIL import Image

    sheet = np.asarray(Image.open(tmp_path / "contact-sheet.png"))
    colored = np.ptp(sheet.astype(int), axis=-1) > 20
    np.testing.assert_array_equal(colored, (sheet == (255, 90, 60)).all(axis=-1))


def test_a_cohort_that_another_process_writes_is_refused_and_left_as_it_is(coarse, tmp_path):
    with locked(tmp_path / "cohort.csv"), pytest.raises(BusyError, match=r"cohort\.csv: another process is writing"):
        list(write_cohort(plan_cohort(cases=1), Writing(out=tmp_path, seed=2, resume=True)))
    assert list(tmp_path.iterdir()) == []


def test_resume_refuses_cases_of_another_seed(coarse, tmp_path):
    simulate(tmp_path, "--cases", 1)
    before = snapshot(tmp_path)
    result = simulate(tmp_path, "--cases", 1, "--seed", 1, "--resume")
    assert result.exit_code == 3
    assert "sim-0001: was made with another seed" in result.output
    assert snapshot(tmp_path) == before


def test_what_goes_wrong_leaves_no_empty_folder_and_no_table(coarse, tmp_path, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cohort, "write_on_grid", full)
    result = simulate(tmp_path / "out", "--cases", 2)
    assert result.exit_code == 3
    assert "the disk is full" in result.output
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    result = simulate(tmp_path / "file" / "cohort", "--cases", 1)
    assert result.exit_code == 3
    assert "cannot be made" in result.output


def test_an_image_that_the_contact_sheet_cannot_show_is_named_with_its_case(coarse, tmp_path):
    simulate(tmp_path, "--cases", 1, "--diagnosis", "ms")
    (tmp_path / "sim-0001" / "mask.nii.gz").write_bytes(b"")
    result = simulate(tmp_path, "--cases", 1, "--diagnosis", "ms", "--resume", "--sheet")
    assert result.exit_code == 3
    assert f"spinal-tf: {tmp_path / 'sim-0001' / 'mask.nii.gz'}: is empty" in result.output


def test_a_contact_sheet_shows_every_diagnosis(coarse, tmp_path):
    from PIL import Image

    result = simulate(tmp_path, "--cases", 4, "--healthy", 1, "--sheet")
    assert result.exit_code == 0, result.output
    sheet = np.asarray(Image.open(tmp_path / "contact-sheet.png"))
    assert sheet.shape[0] > 5 * 300
    outlined = (sheet == (255, 90, 60)).all(axis=-1)
    rows = np.array_split(outlined, 5)
    assert [row.any() for row in rows] == [True] * 4 + [False]
    colored = np.ptp(sheet.astype(int), axis=-1) > 20
    assert all(row.any() for row in np.array_split(colored, 5))  # canal and bones


# Backgrounds


def test_several_kinds_of_background_are_mixed(tmp_path, monkeypatch):
    def named(name):
        return lambda *given: lambda rng, view, **levels: name

    monkeypatch.setattr(cohort, "read_template", lambda folder: None)
    monkeypatch.setattr(cohort, "read_scans", lambda folder: None)
    monkeypatch.setattr(cohort, "from_template", named("template"))
    monkeypatch.setattr(cohort, "from_scans", named("scan"))
    monkeypatch.setattr(cohort, "drawn_spine", named("procedural")())
    kinds = Backgrounds(template=tmp_path / "t", scans=tmp_path / "s")
    source = read_backgrounds(kinds)
    drawn = [source(np.random.default_rng(seed), None) for seed in range(120)]
    for name in ("template", "scan", "procedural"):
        assert abs(drawn.count(name) - 40) < 20
    assert kinds.kinds == ["procedural", "template", "scans"]
    assert Backgrounds(procedural=False, scans=tmp_path).kinds == ["scans"]


@pytest.mark.parametrize("option", ["--template", "--background"])
def test_a_background_that_is_not_there_is_one_sentence(tmp_path, option):
    result = simulate(tmp_path / "out", "--cases", 1, option, tmp_path / "none")
    assert result.exit_code == 3
    assert str(tmp_path / "none") in result.output
    assert "Traceback" not in result.output


def test_an_empty_folder_of_scans_is_refused(tmp_path):
    (tmp_path / "person").mkdir()
    with pytest.raises(VolumeError, match="holds no folder with t2.nii.gz and a cord mask"):
        read_backgrounds(Backgrounds(procedural=False, scans=tmp_path))


@pytest.mark.real_data
def test_public_scans_and_template_make_cases_with_t1c(real_data, tmp_path):
    result = simulate(
        tmp_path, "--cases", 6, "--background", real_data / "real", "--template", real_data / "template", "--seed", 2
    )
    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path)
    assert any(row["t1c"] for row in rows)
    assert {row["background"] for row in rows} <= {"template", "errsm11", "errsm18", "sct_example"}
    assert len({row["background"] for row in rows}) > 1
    assert {row["anatomy"] + row["vertebrae"] for row in rows} == {""}


# Processes


def test_several_processes_give_every_result_once():
    assert sorted(map_processes(math.factorial, range(7), workers=2)) == [1, 1, 2, 6, 24, 120, 720]


def test_results_of_processes_come_as_they_finish():
    commands = ["sleep 5; echo slow", "echo fast", "echo fast", "echo fast"]
    assert list(map_processes(subprocess.getoutput, commands, workers=2)) == ["fast", "fast", "fast", "slow"]


def test_an_error_in_a_process_does_not_hide_results_that_came_with_it(monkeypatch):
    monkeypatch.setattr(processes, "wait", lambda pending, return_when: wait(pending))  # all at once
    found = map_processes(math.factorial, [-1, 3, 3, 3], workers=2)
    assert [next(found) for _ in range(3)] == [6, 6, 6]
    with pytest.raises(ValueError, match="not defined for negative"):
        next(found)


def test_processes_take_one_thread_each_unless_told_otherwise(monkeypatch):
    for name in ONE_THREAD:
        monkeypatch.delenv(name, raising=False)
    assert set(map_processes(os.getenv, ONE_THREAD, workers=2)) == {"1"}
    assert not set(ONE_THREAD) & os.environ.keys()
    assert set(map_processes(os.getenv, ONE_THREAD, workers=1)) == {None}
    monkeypatch.setenv(ONE_THREAD[0], "3")
    assert set(map_processes(os.getenv, ONE_THREAD, workers=2)) == {"3", "1"}
    assert os.environ[ONE_THREAD[0]] == "3"


def test_an_error_in_a_process_is_raised_here():
    with pytest.raises(ValueError, match="not defined for negative"):
        list(map_processes(math.factorial, [1, -1, 2], workers=2))


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(28, "No space left on device")])
def test_without_shared_memory_one_process_does_the_work(monkeypatch, error):
    def refuse(*_, **__):
        raise error

    told = []
    monkeypatch.setattr("spinal_tf.phantom.processes.ProcessPoolExecutor", refuse)
    assert list(map_processes(math.factorial, [1, 2, 3], workers=3, warn=told.append)) == [1, 2, 6]
    assert told == [
        f"/dev/shm cannot be used ({error.strerror}), so one process does the work of 3 and takes about 3 times as "
        "long; make it writable and larger to use more"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("options", ["ro", "size=4k,nr_inodes=1"])
def test_simulate_works_with_an_unusable_dev_shm(tmp_path, options):
    mount = f"mount -t tmpfs -o {options} tmpfs /dev/shm"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not permit mounting")
    simulate = shlex.join([*PYTHON, "simulate", str(tmp_path / "out"), "--cases", "2", "--workers", "2"])
    command = ["unshare", "-m", "sh", "-c", f"{mount} && {simulate}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("/dev/shm cannot be used (")
    assert (tmp_path / "out" / "cohort.csv").read_text().count("\n") == 3


@pytest.mark.slow
def test_the_same_bytes_whatever_the_number_of_workers_and_threads(tmp_path):
    snapshots = []
    for name, workers, threads in (("one", "1", "1"), ("two", "2", "1"), ("threads", "1", "2")):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [*PYTHON, "simulate", str(tmp_path / name), "--cases", "3", "--healthy", "1", "--workers", workers]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        snapshots.append(snapshot(tmp_path / name))
    assert len(snapshots[0]) > 4 * 5
    assert snapshots[0] == snapshots[1] == snapshots[2]


# A background job's children inherit the interrupt ignored.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from spinal_tf.cli.main import main
if __name__ == "__main__":
    main()
"""
PYTHON = (sys.executable, "-c", PROGRAM)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_whole_cases_only(tmp_path, workers):
    command = [*PYTHON, "simulate", str(tmp_path), "--cases", "40", "--workers", workers]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert not (tmp_path / "cohort.csv").exists()
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert 1 <= len(folders) < 40
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert {"t2.nii.gz", "mask.nii.gz", "cord.nii.gz", "anatomy.nii.gz", "parameters.json"} <= names
        assert not any(name.startswith(".") for name in names)
        read_volume(folder / "t2.nii.gz")


def test_cases_are_listed_in_the_order_of_the_plan(coarse, tmp_path):
    planned = plan_cohort(cases=3)[::-1]
    list(write_cohort(planned, Writing(out=tmp_path, seed=0)))
    assert [row["case"] for row in rows_of(tmp_path)] == ["sim-0003", "sim-0002", "sim-0001"]


def test_writing_over_is_an_error_in_python_too(coarse, tmp_path):
    list(write_cohort(plan_cohort(cases=1), Writing(out=tmp_path, seed=0)))
    with pytest.raises(OutputError, match="already exists"):
        list(write_cohort(plan_cohort(cases=1), Writing(out=tmp_path, seed=0)))
