"""Training samples of a classifier: tiles of lesion-bearing slices, half from each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from spinal_tf.cohort.cells import MODEL_MASK_COLUMN
from spinal_tf.datasets.augment import random_affine, random_intensity, warp
from spinal_tf.datasets.augment_groups import augment_by_groups
from spinal_tf.datasets.cache import Entry
from spinal_tf.datasets.case_source import Examination
from spinal_tf.datasets.sample_plans import Augmentation, TilePlan
from spinal_tf.preprocess import MaskMode, Preprocessing
from spinal_tf.slices import MASK, T1C, T2W, make_tiles
from spinal_tf.taxonomy import Diagnosis, Task, tree

Array = np.ndarray

BROAD_SHIFT = 0.08
"""Maximum shift of the broad augmentation, relative to the side."""


@dataclass(frozen=True, kw_only=True)
class ClassifierCase:
    """Tiles of one case with one of its masks.

    Attributes:
        name: name of the case in the cohort.
        mask: column of the mask in the cohort.
        tiles: float16 ``(n, rows, columns, 3)``: T1c or zero, T2w, mask; n is 0 if the lesion is thinner than a pixel
            of the tile.
    """

    name: str
    mask: str = "mask"
    diagnosis: Diagnosis
    tiles: Array


def classifier_entry(examination: Examination, preprocessing: Preprocessing, mask_mode: MaskMode) -> Entry:
    """Prepare the cache entry of a case: its tiles for each of its masks, made as in the pipeline.

    Raises:
        VolumeError: an image is constant.
    """
    case, t2 = examination.case, examination.t2
    masks = {"mask": examination.mask, MODEL_MASK_COLUMN: examination.model_mask}
    arrays = {}
    for column, mask in masks.items():
        if mask is not None:
            tiles = make_tiles(t2, mask, preprocessing=preprocessing, mask_mode=mask_mode, t1c=examination.t1c)
            arrays[column] = tiles.images.astype(np.float16)
    facts = {"name": case.name, "diagnosis": case.diagnosis and case.diagnosis.value}
    return Entry(facts=facts, arrays=arrays)


def classifier_cases(entry: Entry) -> list[ClassifierCase]:
    """Restore the cases of an entry of `classifier_entry`, one per mask."""
    name, diagnosis = entry.facts["name"], tree().diagnosis(entry.facts["diagnosis"])
    return [
        ClassifierCase(name=name, mask=column, diagnosis=diagnosis, tiles=tiles)
        for column, tiles in entry.arrays.items()
    ]


@dataclass(frozen=True, kw_only=True)
class TileSampler:
    """Tiles as a pure function of seed, step and index, balanced as in the authors' code.

    The first half of a batch is from the negative class, the second half from the positive class. Each class is
    traversed in its own random order and reshuffled when used up, so tiles of the smaller class appear more often.

    Attributes:
        cases: cases of the task, with at least one tile in each class.
        batch: number of tiles in a batch, half from each class; the authors use 32.
        seed: seed of the whole training.
    """

    cases: Sequence[ClassifierCase]
    task: Task
    plan: TilePlan
    batch: int
    seed: int
    _tiles: tuple[list[Array], list[Array]] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the tiles by class."""
        tiles: tuple[list[Array], list[Array]] = ([], [])
        for case in self.cases:
            tiles[self.task.label(case.diagnosis)].extend(case.tiles)
        object.__setattr__(self, "_tiles", tiles)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of a tile and of its one-hot class."""
        return self._tiles[0][0].shape, (2,)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one pass over the larger class, as in the authors' code."""
        return max(1, max(len(tiles) for tiles in self._tiles) // (self.batch // 2))

    def __call__(self, step: int, index: int) -> tuple[Array, Array]:
        """Draw one tile.

        Args:
            step: step of the training, from 0.
            index: index in the batch, from 0.

        Returns:
            Tile, float32 ``(rows, columns, 3)``, and one-hot class, float32 ``(2,)``.
        """
        half = self.batch // 2
        label, place = divmod(index, half)
        members = self._tiles[label]
        round_, turn = divmod(step * half + place, len(members))
        tile = members[_order(self.seed, label, round_, len(members))[turn]].astype(np.float32)
        rng = np.random.default_rng([self.seed, step, index])
        if rng.random() >= self.plan.t1c_share:
            tile[..., T1C] = 0
        return _augmented(rng, tile, self.plan.augmentation), np.eye(2, dtype=np.float32)[label]


def _augmented(rng: np.random.Generator, tile: Array, augmentation: Augmentation) -> Array:
    t1c, t2, mask = tile[..., T1C], tile[..., T2W], tile[..., MASK]
    if augmentation == "authors":
        (t1c, t2), (mask,) = augment_by_groups(rng, [t1c, t2], mask)
    elif augmentation == "broad":
        matrix = _random_matrix(rng, (tile.shape[0], tile.shape[1]))
        t1c = random_intensity(rng, warp(t1c, matrix, mask.shape)) if t1c.any() else t1c
        t2 = random_intensity(rng, warp(t2, matrix, mask.shape))
        mask = warp(mask, matrix, mask.shape, label=True)
    return np.stack([t1c, t2, mask], axis=-1)


def _random_matrix(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    centre = (np.asarray(size) - 1) / 2 + rng.uniform(-BROAD_SHIFT, BROAD_SHIFT, 2) * size
    return random_affine(rng, (centre[0], centre[1]), size)


@lru_cache(maxsize=8)
def _order(seed: int, label: int, round_: int, count: int) -> Array:
    return np.random.default_rng([seed, label, round_, count]).permutation(count)
