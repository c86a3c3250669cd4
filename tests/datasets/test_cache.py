"""The cache of prepared cases: its arrays, when it is made anew, and that it appears whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from together import run_together

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


def test_each_key_has_a_cache_of_its_own(tmp_path):
    first = open_cache(tmp_path / "c", "one", entries)
    assert_equal(open_cache(tmp_path / "c", "two", lambda: [entry(7, 1)]), [entry(7, 1)])
    assert_equal(first, entries())
    assert_equal(open_cache(tmp_path / "c", "one", fails), entries())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c-one", "c-two"]


READER = """
import sys
from pathlib import Path
import numpy as np
from spinal_tf.datasets.cache import Entry, open_cache

folder, me = Path(sys.argv[1]), int(sys.argv[2])

def entries(number):
    for case in range(20):
        yield Entry(facts={"number": number}, arrays={"planes": np.full((50, 20, 20), number, np.int32)})

for turn in range(15):
    number = (turn + me) % 3  # what the others make and read at the same time
    found = open_cache(folder / str(turn), f"key-{number}", lambda: entries(number))
    assert len(found) == 20
    for one in found:
        assert one.facts == {"number": number}
        assert (one.arrays["planes"] == number).all()
"""


def test_processes_that_share_a_folder_read_their_own_preprocessing_whole(tmp_path):
    ended = run_together(READER, *((tmp_path, me % 3) for me in range(4)))
    assert [process.returncode for process in ended] == [0] * 4, [process.stderr for process in ended]
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []


def test_a_cache_that_another_process_made_meanwhile_is_read(tmp_path):
    def meanwhile():
        open_cache(tmp_path / "c", "key", entries)
        yield from entries()

    assert_equal(open_cache(tmp_path / "c", "key", meanwhile), entries())
    assert hidden(tmp_path) == []


def test_a_damaged_cache_that_is_made_anew_does_not_change_for_whoever_has_it_open(tmp_path):
    first = open_cache(tmp_path / "c", "key", entries)
    (tmp_path / "c-key" / "index.json").write_text("{")
    open_cache(tmp_path / "c", "key", lambda: [entry(9, 4)])
    assert_equal(first, entries())


def test_a_sound_cache_can_be_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    open_cache(tmp_path / "c", "key", entries)
    for name in ("locked", "new_folder"):
        monkeypatch.setattr(cache, name, lambda *given: pytest.fail("the folder may be read-only"))
    assert_equal(open_cache(tmp_path / "c", "key", fails), entries())


@pytest.mark.parametrize("damage", ["shortened", "index", "missing"])
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    open_cache(tmp_path / "c", "key", entries)
    planes = tmp_path / "c-key" / "planes.bin"
    if damage == "shortened":
        os.truncate(planes, planes.stat().st_size - 2)
    elif damage == "index":
        (tmp_path / "c-key" / "index.json").write_text("{")
    else:
        planes.unlink()
    assert_equal(open_cache(tmp_path / "c", "key", entries), entries())
    assert hidden(tmp_path) == []


def test_a_failure_in_the_middle_leaves_nothing_but_the_old_caches(tmp_path):
    open_cache(tmp_path / "c", "one", entries)

    def broken():
        yield entry(1, 1)
        raise RuntimeError("case-2")

    with pytest.raises(RuntimeError, match="case-2"):
        open_cache(tmp_path / "c", "two", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["c-one"]
    assert_equal(open_cache(tmp_path / "c", "one", fails), entries())


def test_a_full_disk_is_told_in_a_sentence_and_nothing_is_left(tmp_path, monkeypatch):
    def full(file, array):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "_append", full)
    with pytest.raises(OutputError, match=r"c-key: the disk is full, nothing was kept; free some space or .* --cache"):
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
