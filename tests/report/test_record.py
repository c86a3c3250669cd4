from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from spinal_tf.report import case_json, record, write_json
from spinal_tf.results import TOO_THIN

SCHEMAS = {
    path.name: json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parents[2] / "docs" / "schema").glob("*.schema.json")
}
REGISTRY = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())


def faults(case: dict, kind: str) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[f"{kind}.schema.json"], registry=REGISTRY)
    return [error.message for error in validator.iter_errors(case)]


def properties(schema):
    """Name and definition of every property at any depth."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if not isinstance(schema, dict):
        return
    yield from schema.get("properties", {}).items()
    for value in schema.values():
        yield from properties(value)


@pytest.mark.parametrize("name", ["lesion.schema.json", "diagnosis.schema.json"])
def test_schemas_are_schemas(name):
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(("name", "key"), [("lesion.schema.json", "case"), ("diagnosis.schema.json", "classification")])
def test_every_field_is_described_and_every_measure_has_its_unit(name, key):
    fields = list(properties(SCHEMAS[name]["$defs"]))
    assert key in SCHEMAS[name]["$defs"]
    assert len(fields) > 10
    for field, definition in fields:
        assert definition.get("description"), field
        for unit in ("mm", "ml", "s"):
            if field.endswith(f"_{unit}"):
                assert f"in {unit.replace('ml', 'mL')}" in definition["description"], field


def test_a_segmented_case_keeps_the_schema(segmented):
    assert faults(case_json(segmented), "lesion") == []


def test_a_classified_case_keeps_the_schema(classified):
    assert faults(case_json(classified), "diagnosis") == []


@pytest.mark.parametrize("kind", ["lesion", "diagnosis"])
def test_a_case_without_lesion_keeps_both_schemas(without_lesion, kind):
    case = case_json(without_lesion)
    assert faults(case, kind) == []
    assert case["lesions"] == []
    assert "no lesion" in case["not_classified"]


def test_a_case_whose_lesions_cannot_be_seen_keeps_the_schema(segmented):
    case = case_json(dataclasses.replace(segmented, warnings=(TOO_THIN,)))
    assert faults(case, "diagnosis") == []
    assert case["not_classified"] == TOO_THIN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notice", ""),
        ("lesions", None),
        ("unknown", 1),
        ("input", {"file": "/home/jane.doe/t2.nii.gz"}),
        ("total_volume_ml", "3 mL"),
        ("classification", None),
        ("models", [{"name": "segmenter", "sha256": "short", "trained_on": "simulated data"}]),
    ],
)
def test_the_schema_refuses_another_record(classified, field, value):
    assert faults({**case_json(classified), field: value}, "diagnosis")


def test_a_classification_is_no_lesion_record(classified):
    assert faults(case_json(classified), "lesion")


def test_volumes_lengths_and_slices_are_those_of_the_scan(segmented):
    case = case_json(segmented)
    voxel_ml = 3.3 * 0.7 * 0.8 / 1000
    assert case["total_volume_ml"] == pytest.approx(25 * voxel_ml, abs=1e-4)
    assert [lesion["volume_ml"] for lesion in case["lesions"]] == pytest.approx([24 * voxel_ml, voxel_ml], abs=1e-4)
    assert case["grid"]["slice_spacing_mm"] == pytest.approx(3.3, abs=1e-4)
    assert (case["grid"]["slices"], case["grid"]["rows"], case["grid"]["columns"]) == (7, 40, 48)
    # The file runs PSR: its third axis counts the slices, from left to right.
    assert case["grid"]["slice_axis"] == "k"
    assert [lesion["slices"] for lesion in case["lesions"]] == [[3, 4], [1]]


def test_location_and_extent_are_those_of_all_lesions(with_levels):
    case = case_json(with_levels)
    assert faults(case, "lesion") == []
    assert [lesion["levels"] for lesion in case["lesions"]] == [{"T12": 0.25, "L1": 0.75}, {"L1": 1.0}]
    assert case["location"] == "thoracic-lumbar"
    assert case["extent_vertebrae"] == 3


def test_location_and_extent_are_null_if_a_level_is_unknown(with_levels, without_lesion):
    first, second = with_levels.lesions
    unknown = dataclasses.replace(with_levels, lesions=(first, dataclasses.replace(second, levels=None)))
    for result in (unknown, without_lesion):
        case = case_json(result)
        assert faults(case, "lesion") == []
        assert case["location"] is case["extent_vertebrae"] is None


def test_tiles_carry_the_slice_numbers_of_the_file(classified):
    first, *_ = case_json(classified)["classification"]["tasks"]
    assert [tile["slice"] for tile in first["tiles"]] == [4, 3, 1]
    assert [tile["probability"] for tile in first["tiles"]] == pytest.approx([0.7, 0.8, 0.9])


def test_where_a_map_lies_is_its_zone_and_the_mean_of_each_region(classified):
    first, *_ = case_json(classified)["classification"]["tasks"]
    # A lesion without a core has no mean there, which is null rather than zero.
    means = {"core": None, "rim": 0.3, "perilesional": 0.2, "elsewhere": 0.1}
    assert first["activation"] == {"zone": "perilesional", "mean": means}


def test_the_call_can_be_repeated_from_the_record(classified):
    edge = 0.1 + 0.2  # 0.30000000000000004, just above a cut-off of 0.3
    (first, *rest) = classified.classification.tasks
    task = dataclasses.replace(first, probability=edge, operating_point=edge)
    classification = dataclasses.replace(classified.classification, tasks=(task, *rest))
    written = json.loads(json.dumps(case_json(dataclasses.replace(classified, classification=classification))))
    answer = written["classification"]["tasks"][0]
    assert answer["probability"] >= answer["operating_point"] == edge
    assert answer["called"] == answer["positive_class"] == "demyelinating"


def test_no_folder_is_named(classified, tmp_path):
    path = tmp_path / "case_diagnosis.json"
    write_json(classified, path)
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["mask"]["provenance"] == "reviewed"
    assert case["mask"]["file"] == "reviewed.nii.gz"
    assert "jane" not in path.read_text(encoding="utf-8")


def test_the_digest_of_the_mask_changes_with_any_voxel(segmented):
    mask = np.zeros((1, 2, 3), bool)
    mask[0, 1, 0] = True
    assert record.mask_digest(mask) == sha256(bytes([0, 0, 0, 1, 0, 0])).hexdigest()
    assert record.mask_digest(mask[:, :, ::-1]) == sha256(bytes([0, 0, 0, 0, 0, 1])).hexdigest()
    assert case_json(segmented)["mask"]["voxels_sha256"] == record.mask_digest(segmented.mask)


def test_the_record_says_what_the_weights_were_trained_on_and_what_it_is_not_for(segmented):
    case = case_json(segmented)
    trained_on = {"trained_on": "simulated data", "trained_on_kind": "simulated"}
    assert case["models"] == [{"name": "segmenter", "sha256": "a1" * 32, **trained_on, "served": None}]
    assert case["notice"] == (
        "Research use only. Not a medical device. The weights in use were trained on simulated lesions. "
        "Probabilities from such weights say nothing about patients."
    )


def test_nothing_is_said_of_simulated_lesions_where_the_weights_have_seen_none(segmented):
    [model] = segmented.models
    own = dataclasses.replace(model, summary="312 patients of one hospital", kind="patients")
    case = case_json(dataclasses.replace(segmented, models=(own,)))
    assert case["notice"] == "Research use only. Not a medical device."


@settings(deadline=None)  # a busy machine
@given(value=st.floats(), seconds=st.floats())
def test_json_never_holds_nan(value, seconds):
    cleaned = record._without_nan({"contrast_sd": value, "timings_s": {"read": seconds}, "list": [[value]]})
    written = json.loads(json.dumps(cleaned, allow_nan=False))
    expected = value if math.isfinite(value) else None
    assert written["contrast_sd"] == expected
    assert written["list"] == [[expected]]


def test_an_undefined_measure_is_null(segmented, tmp_path):
    lesions = (dataclasses.replace(segmented.lesions[0], contrast=math.nan),)
    path = tmp_path / "case_lesion.json"
    write_json(dataclasses.replace(segmented, lesions=lesions), path)
    case = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert case["lesions"][0]["contrast_sd"] is None
    assert faults(case, "lesion") == []


def test_text_is_utf8(segmented, tmp_path):
    path = tmp_path / "case_lesion.json"
    write_json(dataclasses.replace(segmented, warnings=("Größe fällt auf.",)), path)
    assert "Größe fällt auf.".encode() in path.read_bytes()


def test_versions_are_found_without_importing_the_libraries(monkeypatch):
    assert record.software_versions()["numpy"].count(".") == 2

    def only_the_cpu_build(name):
        if name != "tensorflow-cpu":
            raise PackageNotFoundError(name)
        return "2.21.0"

    monkeypatch.setattr(record, "version", only_the_cpu_build)
    versions = record.software_versions()
    assert versions["tensorflow"] == "2.21.0"
    assert versions["keras"] is None


def test_the_report_imports_no_heavy_library():
    code = (
        "import sys, spinal_tf.report.record as r; r.software_versions();"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
