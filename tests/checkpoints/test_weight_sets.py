import dataclasses
import errno
import hashlib
import io
import itertools
import os
import shutil
import zipfile
from pathlib import Path

import h5py
import pytest
from together import run_together

from spinal_tf.checkpoints import weight_sets
from spinal_tf.checkpoints.manifest import MANIFEST, Checkpoint, find_faults, manifest_json, read_manifest
from spinal_tf.checkpoints.weight_sets import install_set, read_set
from spinal_tf.errors import OutputError, WeightsError
from spinal_tf.preprocess import Preprocessing


def weights_bytes(value):
    """The smallest file in Keras' layout: one layer, one weight."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "dense"
        group["0"] = [float(value)]
    return buffer.getvalue()


def make_set(folder, values, **changes):
    """A set with one checkpoint for each name and value."""
    folder.mkdir()
    checkpoints = {}
    for name, value in values.items():
        data = weights_bytes(value)
        checkpoint = Checkpoint(
            name=name,
            network="multiresunet",
            file=f"{name}.weights.h5",
            sha256=hashlib.sha256(data).hexdigest(),
            preprocessing=Preprocessing(),
            operating_point=0.5,
            card=f"{name}.md",
        )
        checkpoints[name] = dataclasses.replace(checkpoint, **changes)
        (folder / checkpoints[name].file).write_bytes(data)
        (folder / checkpoints[name].card).write_text(f"{name} {value}")
    (folder / MANIFEST).write_text(manifest_json(checkpoints))
    return folder


def zipped(folder, prefix=""):
    archive_path = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"{prefix}{path.name}")
    return archive_path


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def two(tmp_path):
    return make_set(tmp_path / "two", {"segmenter": 1, "ms_vs_nmosd": 2})


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "target"


INSTALLER = """
import sys
from pathlib import Path
from spinal_tf.checkpoints.weight_sets import install_set, read_set

for source in sys.argv[2:]:
    install_set(read_set(Path(source)), Path(sys.argv[1]))
"""


def test_no_entry_is_lost_where_several_processes_install_into_one_folder(tmp_path, target):
    names = {me: [f"{me}-{number}" for number in range(20)] for me in "abc"}
    for name in itertools.chain(*names.values()):
        make_set(tmp_path / name, {name: 1})
    ended = run_together(INSTALLER, *((target, *(tmp_path / name for name in names[me])) for me in names))
    assert [process.returncode for process in ended] == [0, 0, 0], ended
    everything = sorted(itertools.chain(*names.values()))
    assert sorted(read_manifest(target)) == everything
    assert find_faults(target) == dict.fromkeys(everything, "")
    assert {path.name for path in target.iterdir() if path.name.startswith(".")} == set()


def test_a_set_that_is_there_already_needs_no_lock(two, target, monkeypatch):
    install_set(read_set(two), target)
    monkeypatch.setattr(weight_sets, "locked", lambda path: pytest.fail("a folder may be read-only"))
    assert set(install_set(read_set(two), target).values()) == {"already there"}


@pytest.mark.parametrize("pack", [lambda path: path, zipped, lambda path: zipped(path, "weights/v1/")])
def test_a_set_arrives_whole_from_folder_or_zip(two, target, pack):
    assert install_set(read_set(pack(two)), target) == {"ms_vs_nmosd": "installed", "segmenter": "installed"}
    assert content(target) == content(two)
    assert find_faults(target) == {"ms_vs_nmosd": "", "segmenter": ""}


def test_installing_twice_changes_nothing(two, target):
    install_set(read_set(two), target)
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert set(install_set(read_set(two), target).values()) == {"already there"}
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before


def test_other_weights_of_the_same_name_are_kept_unless_overwriting(two, target, tmp_path):
    install_set(read_set(two), target)
    before = content(target)
    newer = read_set(make_set(tmp_path / "newer", {"segmenter": 3, "tumor_vs_demyelinating": 4}))
    assert install_set(newer, target) == {"segmenter": "kept", "tumor_vs_demyelinating": "installed"}
    after = content(target)
    assert {name: after[name] for name in before if name != MANIFEST} == {
        name: data for name, data in before.items() if name != MANIFEST
    }
    outcome = install_set(newer, target, overwrite=True)
    assert outcome == {"segmenter": "replaced", "tumor_vs_demyelinating": "already there"}
    assert (target / "segmenter.md").read_text() == "segmenter 3"
    assert find_faults(target) == dict.fromkeys(("ms_vs_nmosd", "segmenter", "tumor_vs_demyelinating"), "")


def test_damaged_weights_are_repaired_only_by_overwriting(two, target):
    install_set(read_set(two), target)
    (target / "segmenter.weights.h5").write_bytes(b"damaged")
    assert install_set(read_set(two), target)["segmenter"] == "kept"
    assert install_set(read_set(two), target, overwrite=True)["segmenter"] == "replaced"
    assert find_faults(target) == {"ms_vs_nmosd": "", "segmenter": ""}


@pytest.mark.parametrize("name", ["segmenter.weights.h5", "segmenter.md"])
@pytest.mark.parametrize("pack", [lambda path: path, zipped])
def test_a_missing_file_is_named(two, name, pack):
    (two / name).unlink()
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        read_set(pack(two))


@pytest.mark.parametrize("pack", [lambda path: path, zipped])
def test_a_flipped_bit_is_found(two, pack):
    path = two / "ms_vs_nmosd.weights.h5"
    damaged = bytearray(path.read_bytes())
    damaged[100] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(WeightsError, match=r"ms_vs_nmosd\.weights\.h5: damaged"):
        read_set(pack(two))


def test_what_is_no_weights_file_is_refused_even_with_its_hash(two):
    data = b"not HDF5"
    (two / "segmenter.weights.h5").write_bytes(data)
    checkpoints = read_manifest(two)
    sha256 = hashlib.sha256(data).hexdigest()
    checkpoints["segmenter"] = dataclasses.replace(checkpoints["segmenter"], sha256=sha256)
    (two / MANIFEST).write_text(manifest_json(checkpoints))
    with pytest.raises(WeightsError, match="not a Keras weights file"):
        read_set(two)


@pytest.mark.parametrize(
    "member", ["../segmenter.weights.h5", "/tmp/segmenter.weights.h5", "a/../../segmenter.weights.h5"]
)
def test_a_manifest_that_points_outside_is_refused(tmp_path, member):
    archive_path = tmp_path / "evil.zip"
    entry = (tmp_path, {"segmenter": 1})
    text = (make_set(entry[0] / "evil", entry[1]) / MANIFEST).read_text().replace("segmenter.weights.h5", member)
    with zipfile.ZipFile(archive_path, "w") as archive:
        archive.writestr(MANIFEST, text)
        archive.writestr(member, weights_bytes(1))
        archive.writestr("segmenter.md", "card")
    with pytest.raises(WeightsError, match="not a plain name"):
        read_set(archive_path)


def test_members_no_manifest_names_are_never_written(two, target):
    archive_path = zipped(two)
    with zipfile.ZipFile(archive_path, "a") as archive:
        archive.writestr("../evil.py", "evil")
        archive.writestr("extra.py", "extra")
    install_set(read_set(archive_path), target)
    assert content(target) == content(two)
    assert not list(target.parent.parent.rglob("e*.py"))


def test_a_file_that_unpacks_too_large_is_refused_unread(two, monkeypatch):
    monkeypatch.setattr(weight_sets, "MAXIMUM_FILE_BYTES", 50)
    for source in (two, zipped(two)):
        with pytest.raises(WeightsError, match=r"manifest\.json.*larger than any weights file"):
            read_set(source)


def not_a_zip(folder):
    (folder / "x.zip").write_bytes(b"PK\x03\x04 not a zip")
    return folder / "x.zip"


def cut_short(folder):
    archive = zipped(folder)
    archive.write_bytes(archive.read_bytes()[:-40])
    return archive


def with_a_name_that_is_not_utf8(folder):
    archive = zipped(folder)
    with zipfile.ZipFile(archive) as read:
        start = next(item.header_offset for item in read.infolist() if item.filename.endswith(MANIFEST))
    content = bytearray(archive.read_bytes())
    content[start + 6 : start + 8] = b"\0\x08"  # the name is UTF-8, says the member's own header
    content[start + 30] = 0xC1
    archive.write_bytes(content)
    return archive


def without_manifest(folder):
    (folder / MANIFEST).unlink()
    return zipped(folder)


def with_two_manifests(folder):
    archive_path = zipped(folder)
    with zipfile.ZipFile(archive_path, "a") as archive:
        archive.writestr("other/manifest.json", "{}")
    return archive_path


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (not_a_zip, "not a readable zip file or folder"),
        (cut_short, "not a readable zip file or folder"),
        (with_a_name_that_is_not_utf8, "not a readable zip file or folder"),
        (without_manifest, r"holds 0 files manifest\.json"),
        (with_two_manifests, r"holds 2 files manifest\.json"),
    ],
)
def test_other_files_are_refused_in_one_sentence(two, spoil, fault):
    with pytest.raises(WeightsError, match=fault):
        read_set(spoil(two))


def test_damage_inside_the_zip_is_refused(two):
    archive_path = zipped(two)
    data = bytearray(archive_path.read_bytes())
    with zipfile.ZipFile(archive_path) as archive:
        start = archive.getinfo("segmenter.weights.h5").header_offset
    data[start + 60 : start + 90] = bytes(30)
    archive_path.write_bytes(data)
    with pytest.raises(WeightsError):
        read_set(archive_path)


def test_a_file_that_belongs_to_another_checkpoint_is_not_replaced(two, target, tmp_path):
    install_set(read_set(two), target)
    before = content(target)
    other = make_set(tmp_path / "other", {"astrocytoma_vs_ependymoma": 9}, card="segmenter.md")
    with pytest.raises(WeightsError, match=r"segmenter\.md: belongs to segmenter"):
        install_set(read_set(other), target, overwrite=True)
    assert content(target) == before


def test_a_full_disk_leaves_the_folder_as_it_was(two, target, tmp_path, monkeypatch):
    install_set(read_set(two), target)
    before = content(target)
    newer = read_set(make_set(tmp_path / "newer", {"segmenter": 3}))

    def full(path, _data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="disk is full"):
        install_set(newer, target, overwrite=True)
    assert content(target) == before


def test_a_folder_that_cannot_be_made_is_named(two, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file.*cannot be made .*choose another folder"):
        install_set(read_set(two), tmp_path / "file" / "weights")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(two, target):
    target.mkdir(parents=True)
    target.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        install_set(read_set(two), target)


def test_installing_a_folder_onto_itself_changes_nothing(two):
    before = content(two)
    assert set(install_set(read_set(two), two, overwrite=True).values()) == {"already there"}
    assert content(two) == before


def test_a_source_that_is_gone_is_refused(two):
    shutil.rmtree(two)
    with pytest.raises(WeightsError, match="not a readable zip file or folder"):
        read_set(two)
