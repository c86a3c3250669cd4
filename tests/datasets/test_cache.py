"""The cache of prepared cases: its arrays, when it is made anew, and that it appears whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from spinal_tf.datasets import cache
from spinal_tf.datasets.cache import Entry, cache_key, open_cache
from spinal_tf.errors import OutputError


def entry(number: int, count: int) -> Entry:
    return Entry(
        facts={"name": f"case-{number}", "diagnosis": None},
        arrays={
            "planes": np.full((count, 4, 5), number, np.float16),
            "places": np.arange(3 * count, dtype=np.int32).reshape(count, 3),
        },
    )


def entries() -> list[Entry]:
    return [entry(1, 2), entry(2, 0), entry(3, 5)]


def assert_equal(found: list[Entry], expected: list[Entry]) -> None:
    assert [one.facts for one in found] == [one.facts for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.arrays.keys() == other.arrays.keys()
        for name in one.arrays:
            assert one.arrays[name].dtype == other.arrays[name].dtype
            np.testing.assert_array_equal(one.arrays[name], other.arrays[name])


def fails() -> list[Entry]:
    raise AssertionError("not to be made")


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def test_what_is_stored_comes_back_in_order(tmp_path):
    folder = tmp_path / "made" / "segmenter"
    assert_equal(open_cache(folder, "key", entries), entries())
    assert_equal(open_cache(folder, "key", fails), entries())
    assert hidden(folder.parent) == []


def test_arrays_come_from_the_disk_and_cannot_be_changed(tmp_path):
    planes = open_cache(tmp_path / "c", "key", entries)[0].arrays["planes"]
    base = planes
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        planes[0] = 1


def test_a_cache_of_nothing_but_empty_arrays_can_be_opened(tmp_path):
    assert_equal(open_cache(tmp_path / "c", "key", lambda: [entry(1, 0)]), [entry(1, 0)])


def test_another_key_makes_it_anew_and_leaves_nothing_of_the_old(tmp_path):
    first = open_cache(tmp_path / "c", "one", entries)
    assert_equal(open_cache(tmp_path / "c", "two", lambda: [entry(7, 1)]), [entry(7, 1)])
    assert_equal(first, entries())  # still readable by whoever has it open
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("damage", ["shortened", "index", "missing"])
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    open_cache(tmp_path / "c", "key", entries)
    planes = tmp_path / "c" / "planes.bin"
    if damage == "shortened":
        os.truncate(planes, planes.stat().st_size - 2)
    elif damage == "index":
        (tmp_path / "c" / "index.json").write_text("{")
    else:
        planes.unlink()
    assert_equal(open_cache(tmp_path / "c", "key", entries), entries())


def test_a_failure_in_the_middle_leaves_the_old_cache(tmp_path):
    open_cache(tmp_path / "c", "one", entries)

    def broken():
        yield entry(1, 1)
        raise RuntimeError("case-2")

    with pytest.raises(RuntimeError, match="case-2"):
        open_cache(tmp_path / "c", "two", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert_equal(open_cache(tmp_path / "c", "one", fails), entries())


def test_a_full_disk_is_told_in_a_sentence_and_nothing_is_left(tmp_path, monkeypatch):
    def full(file, array):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "_append", full)
    with pytest.raises(OutputError, match=r"c: the disk is full, nothing was kept; free some space or .* --cache"):
        open_cache(tmp_path / "c", "key", entries)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_on_closing_is_told_too(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(OutputError, match="the disk is full"), cache._plain_errors(tmp_path):
        Path("/dev/full").write_bytes(b"x" * 10)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_refuses_is_told_in_a_sentence(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OutputError, match="cannot be written"):
        open_cache(tmp_path / "c", "key", entries)


def test_a_file_in_the_way_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        open_cache(tmp_path / "file" / "c", "key", entries)


def test_the_key_depends_on_every_part_and_on_the_format(monkeypatch):
    key = cache_key(cohort="a", preprocessing={"fit": "pad", "size": [1, 2]})
    assert key == cache_key(preprocessing={"size": [1, 2], "fit": "pad"}, cohort="a")
    assert len({key, cache_key(cohort="b", preprocessing={"fit": "pad", "size": [1, 2]}), cache_key(cohort="a")}) == 3
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert key != cache_key(cohort="a", preprocessing={"fit": "pad", "size": [1, 2]})
