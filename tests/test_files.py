from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest
from together import run_together

from spinal_tf.errors import OutputError
from spinal_tf.files import new_folder, output_files, temporary_folder

ROUNDS = 100
PUBLISHER = """
import sys
from contextlib import suppress
from pathlib import Path
from spinal_tf.errors import OutputError
from spinal_tf.files import new_folder, output_files

folder, me, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
for number in range(int(sys.argv[4])):
    names = [f"{number}-{name}" for name in "abc"]
    names = names if sys.argv[5] == "same order" else names[:: 1 if me == "x" else -1]
    with suppress(OutputError):
        with output_files(*(folder / name for name in names)) as paths:
            for path in paths:
                path.write_text(me)
            (folder / f"ready-{number}-{me}").touch()
            while not (folder / f"ready-{number}-{other}").exists():
                pass
        (folder / f"done-{number}-{me}").touch()
"""
"""Publishes three files in each round, when the other process is about to do so as well."""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
@pytest.mark.parametrize("overwrite", [False, True])
def test_interruption_between_two_outputs_leaves_neither(tmp_path, monkeypatch, stop, overwrite):
    link, replace = os.link, Path.replace

    def broken_at_second(publish):
        def wrapped(source, target):
            if Path(target).name == "b.json":
                raise stop
            return publish(source, target)

        return wrapped

    monkeypatch.setattr(os, "link", broken_at_second(link))
    monkeypatch.setattr(Path, "replace", broken_at_second(replace))
    outputs = tmp_path / "a.png", tmp_path / "b.json"
    with pytest.raises((KeyboardInterrupt, OutputError)), output_files(*outputs, overwrite=overwrite):
        pass
    assert _names(tmp_path) == []


def _no_hard_links(source, target):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), source, None, target)


@pytest.fixture(params=["hard links", "no hard links"])
def either_file_system(request, monkeypatch):
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", _no_hard_links)


def test_outputs_appear_without_hard_links_too(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", _no_hard_links)
    with output_files(tmp_path / "a.png", tmp_path / "b.json") as (one, two):
        one.write_text("picture")
        two.write_text("facts")
    assert _names(tmp_path) == ["a.png", "b.json"]
    assert ((tmp_path / "a.png").read_text(), (tmp_path / "b.json").read_text()) == ("picture", "facts")


def _appears_in_the_last_moment(monkeypatch, target):
    """Another process publishes the target just before whatever gives it its name."""
    link, replace, open_file = os.link, Path.replace, os.open
    appeared: list[bool] = []

    def appear(path):
        if Path(path) == target and not appeared:
            appeared.append(True)
            target.write_text("theirs")

    def appear_then_link(source, path):
        appear(path)
        link(source, path)

    def appear_then_replace(source, path):
        appear(path)
        return replace(source, path)

    def appear_then_open(path, flags, *rest):
        if flags & os.O_CREAT:
            appear(path)
        return open_file(path, flags, *rest)

    monkeypatch.setattr(os, "link", appear_then_link)
    monkeypatch.setattr(os, "open", appear_then_open)
    monkeypatch.setattr(Path, "replace", appear_then_replace)


@pytest.mark.usefixtures("either_file_system")
def test_an_output_that_another_process_published_in_the_last_moment_is_kept(tmp_path, monkeypatch):
    target = tmp_path / "b.json"
    _appears_in_the_last_moment(monkeypatch, target)

    def publish():
        with output_files(tmp_path / "a.png", target, tmp_path / "c.html") as paths:
            for path in paths:
                path.write_text("ours")

    with pytest.raises(OutputError, match=r"b\.json: already exists and was kept"):
        publish()
    assert target.read_text() == "theirs"
    assert _names(tmp_path) == ["b.json"]


def test_what_is_withdrawn_is_never_the_file_of_another_process(tmp_path, monkeypatch):
    first, second = tmp_path / "a.png", tmp_path / "b.json"
    link = os.link

    def replaced_meanwhile(source, target):
        if Path(target) == second:
            first.unlink()
            first.write_text("theirs")  # with --overwrite
            raise KeyboardInterrupt
        link(source, target)

    monkeypatch.setattr(os, "link", replaced_meanwhile)
    with pytest.raises(KeyboardInterrupt), output_files(first, second):
        pass
    assert first.read_text() == "theirs"
    assert _names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("order", ["same order", "other order"])
def test_of_two_processes_one_at_most_publishes_and_all_or_none(tmp_path, order):
    pairs = (("x", "y"), ("y", "x"))
    ended = run_together(PUBLISHER, *((tmp_path, me, other, ROUNDS, order) for me, other in pairs))
    assert [process.returncode for process in ended] == [0, 0], ended
    for number in range(ROUNDS):
        winners = [me for me, _ in pairs if (tmp_path / f"done-{number}-{me}").exists()]
        outputs = [tmp_path / f"{number}-{name}" for name in "abc"]
        if order == "same order":
            assert len(winners) == 1
        assert [path.read_text() for path in outputs if path.exists()] == winners * 3
    assert [name for name in _names(tmp_path) if name.startswith(".")] == []


def test_a_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "made" / "a") as temporary:
        assert temporary.parent == tmp_path / "made"
        assert temporary.name.startswith(".")
        (temporary / "part").write_text("whole")
        assert not (tmp_path / "made" / "a").exists()
    assert _names(tmp_path / "made") == ["a"]
    assert (tmp_path / "made" / "a" / "part").read_text() == "whole"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_interrupted_folder_does_not_appear(tmp_path, stop):
    def interrupted():
        with new_folder(tmp_path / "a") as temporary:
            (temporary / "part").write_text("half")
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert _names(tmp_path) == []


@pytest.mark.parametrize("theirs", ["folder", "file"])
def test_a_folder_that_another_process_published_meanwhile_is_kept(tmp_path, theirs):
    target = tmp_path / "a"
    made = new_folder(target)
    (made.__enter__() / "part").write_text("ours")
    if theirs == "folder":
        target.mkdir()
    kept = target / "part" if theirs == "folder" else target
    kept.write_text("theirs")
    with pytest.raises(FileExistsError) as caught:
        made.__exit__(None, None, None)
    assert caught.value.filename == str(target)
    assert kept.read_text() == "theirs"
    assert _names(tmp_path) == ["a"]


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


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_folder_that_refuses_files(disk):
    with (
        pytest.raises(OutputError, match=r"ro disk cannot be written to"),
        output_files(disk / "a.json"),
    ):
        pytest.fail("the block ran")


def test_system_folder_that_refuses_files():
    with pytest.raises(OutputError, match=r"/proc/a\.json: .*(cannot be written)"), output_files(Path("/proc/a.json")):
        pytest.fail("the block ran")


@pytest.mark.parametrize("disk", ["rw"], indirect=True)
def test_a_full_disk_of_temporary_files_names_their_folder_and_the_variable(disk, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    sentence = f"^{re.escape(str(disk))}: cannot take temporary files, .* name another folder in TMPDIR$"
    with pytest.raises(OutputError, match=sentence), temporary_folder() as folder:
        (folder / "a").write_bytes(bytes(100_000))
    with pytest.raises(OutputError, match=sentence), temporary_folder() as folder, output_files(folder / "b") as (one,):
        one.write_bytes(bytes(100_000))
    with pytest.raises(OutputError, match=sentence), temporary_folder(needed_bytes=100_000):
        pass
    with pytest.raises(OutputError, match="^mine: the disk is full$"), temporary_folder():
        raise OutputError("mine: the disk is full")
    assert _names(disk) == []


def test_no_folder_for_temporary_files(monkeypatch):
    def nowhere():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", nowhere)
    with pytest.raises(OutputError, match="^no folder takes temporary files; name one that does in TMPDIR$"):
        temporary_folder().__enter__()


@pytest.mark.parametrize("disk", ["rw"], indirect=True)
def test_full_disk(disk):
    def too_much():
        with output_files(disk / "a.nii", disk / "b.json") as (one, two):
            two.write_text("fits")
            one.write_bytes(bytes(100_000))

    with pytest.raises(OutputError, match=r"a\.nii: the disk is full") as caught:
        too_much()
    assert "\n" not in str(caught.value)
    assert _names(disk) == []


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
