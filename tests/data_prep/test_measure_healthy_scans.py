"""The table of healthy scans counts what is marked and what no review flag catches."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "data_prep" / "measure_healthy_scans.py"


def write_record(folder: Path, marked_ml: float, *, flagged: bool) -> Path:
    folder.mkdir()
    path = folder / "t2_lesion.json"
    record = {"total_volume_ml": marked_ml, "review": {"needed": flagged, "reasons": []}}
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    records = [
        write_record(tmp_path / "empty", 0.0, flagged=False),
        write_record(tmp_path / "speck", 0.099, flagged=True),
        write_record(tmp_path / "caught", 0.1, flagged=True),
        write_record(tmp_path / "silent", 7.745, flagged=False),
    ]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, records)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    return capsys.readouterr().out


def test_a_row_for_each_scan_named_by_its_folder(printed) -> None:
    assert "| `silent` | 7.75 | no |" in printed
    assert "| `speck` | 0.10 | yes |" in printed


def test_scans_with_less_than_a_tenth_of_a_milliliter_count_as_empty(printed) -> None:
    assert "2 of 4 scans have less than 0.1 mL marked; 1 of the 2 others raise no review flag." in printed
