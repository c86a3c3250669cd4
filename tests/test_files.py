from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from spinal_tf.errors import OutputError
from spinal_tf.files import output_files


def _mounted(folder: Path, options: str):
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine does not permit mounting: {done.stderr.decode().strip()}")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small disk"
    folder.mkdir()
    _mounted(folder, "size=64k")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def read_only_disk(tmp_path):
    folder = tmp_path / "read-only disk"
    folder.mkdir()
    _mounted(folder, "size=64k,ro")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_outputs_appear_together_when_the_block_ends(tmp_path):
    first, second = tmp_path / "case.nii.gz", tmp_path / "case.json"
    with output_files(first, second) as (one, two):
        one.write_text("voxels")
        two.write_text("facts")
        assert not first.exists()
        assert not second.exists()
    assert (first.read_text(), second.read_text()) == ("voxels", "facts")
    assert _names(tmp_path) == ["case.json", "case.nii.gz"]


def test_an_output_whose_temporary_is_removed_does_not_appear(tmp_path):
    with output_files(tmp_path / "a.png", tmp_path / "b.json") as (one, two):
        one.unlink()
        two.write_text("facts")
    assert _names(tmp_path) == ["b.json"]


def test_an_old_output_goes_where_there_is_no_new_one(tmp_path):
    (tmp_path / "a.png").write_text("old")
    with pytest.raises(OutputError, match="already exists and was kept"), output_files(tmp_path / "a.png") as (one,):
        one.unlink()
    with output_files(tmp_path / "a.png", overwrite=True) as (one,):
        one.unlink()
        assert (tmp_path / "a.png").read_text() == "old"
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.nii.gz", ".nii.gz"), ("a.b.nii", ".nii"), ("A.NII.GZ", ".nii.gz"), ("a.b.json", ".json"), ("a", "")],
)
def test_temporary_keeps_folder_and_suffix(tmp_path, name, suffix):
    with output_files(tmp_path / name) as (temporary,):
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert "".join(temporary.suffixes) == suffix


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError, SystemExit])
def test_nothing_is_left_when_the_block_is_interrupted(tmp_path, stop):
    def interrupted():
        with output_files(tmp_path / "a.png", tmp_path / "b.json") as (one, _):
            one.write_bytes(b"half a pic")
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert _names(tmp_path) == []


def test_interruption_keeps_the_output_that_was_to_be_replaced(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")

    def interrupted():
        with output_files(target, overwrite=True) as (temporary,):
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.EIO, "broken")])
def test_interruption_between_two_renames_leaves_neither(tmp_path, monkeypatch, stop):
    replace = Path.replace

    def broken_at_second(self, target):
        if target.name == "b.json":
            raise stop
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", broken_at_second)
    with pytest.raises((KeyboardInterrupt, OutputError)), output_files(tmp_path / "a.png", tmp_path / "b.json"):
        pass
    assert _names(tmp_path) == []


def test_existing_output_is_kept(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"a\.json: already exists .*--overwrite"), output_files(target):
        pytest.fail("the block ran")
    assert target.read_text() == "old"


def test_existing_output_is_replaced_when_asked(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")
    with output_files(target, overwrite=True) as (temporary,):
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_output_that_appeared_meanwhile_is_kept(tmp_path):
    target = tmp_path / "a.json"

    def meanwhile():
        with output_files(target) as (temporary,):
            temporary.write_text("ours")
            target.write_text("theirs")

    with pytest.raises(OutputError, match="already exists"):
        meanwhile()
    assert target.read_text() == "theirs"
    assert _names(tmp_path) == ["a.json"]


def test_replacing_a_link_leaves_what_it_points_to(tmp_path):
    original = tmp_path / "input.nii"
    original.write_text("input")
    link = tmp_path / "out.nii"
    link.symlink_to(original)
    with output_files(link, overwrite=True) as (temporary,):
        temporary.write_text("mask")
    assert (original.read_text(), link.read_text()) == ("input", "mask")


def test_output_has_the_permissions_of_an_ordinary_new_file(tmp_path):
    ordinary, target = tmp_path / "ordinary", tmp_path / "a.json"
    ordinary.touch()
    with output_files(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_paths_with_spaces_and_umlauts(tmp_path):
    folder = tmp_path / "Müller, Größe 1"
    folder.mkdir()
    target = folder / "Läsion über alles.nii.gz"
    with output_files(target) as (temporary,):
        temporary.write_bytes(b"x")
    assert _names(folder) == ["Läsion über alles.nii.gz"]


@pytest.mark.parametrize("parent", ["missing", "a file", "/proc/1/nothing here"])
def test_folder_that_is_not_there_is_an_output_error(tmp_path, parent):
    (tmp_path / "a file").touch()
    with pytest.raises(OutputError, match="there is no folder"), output_files(tmp_path / parent / "a.json"):
        pytest.fail("the block ran")
    assert _names(tmp_path) == ["a file"]


def test_folder_under_the_name_of_the_output(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(OutputError, match="is a folder"), output_files(tmp_path / "a.json", overwrite=True):
        pytest.fail("the block ran")


def test_folder_that_refuses_files(read_only_disk):
    with (
        pytest.raises(OutputError, match=r"read-only disk cannot be written to"),
        output_files(read_only_disk / "a.json"),
    ):
        pytest.fail("the block ran")


def test_system_folder_that_refuses_files():
    with pytest.raises(OutputError, match=r"/proc/a\.json: .*(cannot be written)"), output_files(Path("/proc/a.json")):
        pytest.fail("the block ran")


def test_full_disk(small_disk):
    def too_much():
        with output_files(small_disk / "a.nii", small_disk / "b.json") as (one, two):
            two.write_text("fits")
            one.write_bytes(bytes(100_000))

    with pytest.raises(OutputError, match=r"a\.nii: the disk is full") as caught:
        too_much()
    assert "\n" not in str(caught.value)
    assert _names(small_disk) == []


def test_error_of_another_file_is_not_taken_for_one_of_the_output(tmp_path):
    def reads_something_missing():
        with output_files(tmp_path / "a.json"):
            (tmp_path / "missing.txt").read_text()

    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        reads_something_missing()
    assert _names(tmp_path) == []


def test_name_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"), output_files(tmp_path / ("n" * 300)):
        pass
    assert _names(tmp_path) == []
