"""Smaller fields of view: which cases, around what, and always the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.datasets import views
from spinal_tf.datasets.views import tight_view

WHOLE = (slice(None), slice(None), slice(None))


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(views, "WIDTH_MM", (10.0, 14.0))  # of the 33.6 mm of the scan


def test_the_stated_share_of_cases_is_cut(examination):
    cut = [tight_view(examination(f"case-{number}"), 0.4) != WHOLE for number in range(300)]
    assert abs(np.mean(cut) - 0.4) < 0.12
    assert tight_view(examination(), 0.0) == WHOLE


def test_a_case_is_always_cut_alike_and_others_otherwise(examination):
    one, same = (tight_view(examination("a"), 1.0) for _ in range(2))
    assert one == same
    assert len({str(tight_view(examination(f"case-{number}"), 1.0)) for number in range(20)}) > 10


def test_the_view_holds_the_lesion_or_the_cord(examination):
    short = 0
    for number in range(100):
        found = examination(f"case-{number}", lesion=number % 2 == 0)
        view = tight_view(found, 1.0)
        centre = found.mask if found.mask.any() else found.cord
        assert centre[view].any()
        _, rows, columns = found.t2.data[view].shape
        assert 14 <= columns <= 20  # 10 to 14 mm of 0.7 mm
        assert rows == 40 or 14 <= rows <= 36
        short += rows < 40
    assert 30 < short < 70


def test_without_lesion_and_cord_nothing_is_cut(examination):
    assert tight_view(examination(lesion=False, cord=False), 1.0) == WHOLE
    found = examination(lesion=False)
    assert tight_view(replace(found, cord=np.zeros_like(found.mask)), 1.0) == WHOLE
