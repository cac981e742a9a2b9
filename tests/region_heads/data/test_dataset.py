"""From rows to batches: positions, mirror images, order."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from region_heads.data.batches import ImageBatchSampler
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.data.settings import Augmentation
from region_heads.errors import RegionHeadsError
from region_heads.modeling.model import RegionHeadsModel
from region_heads.training.arguments import RegionTrainingArguments

Built = tuple[RegionHeadsModel, RegionProcessor]


def test_the_i_th_mask_token_carries_region_i(
    dataset: RegionDataset, collate: RegionDataCollator, built: Built
) -> None:
    processor = built[1]
    batch = collate([dataset[row] for row in range(10)])
    for row in range(10):
        places = batch.mask_positions[row]
        n = len(dataset[row].regions)
        ids = batch.input_ids[batch.row_index[row]]
        assert (ids[places[:n]] == processor.mask_id).all()
        assert (ids[batch.read_out_positions[row, :n]] == processor.read_out_id).all()
        assert ids[batch.answer_positions[row]] == processor.answer_id
        assert (places[n:] == -1).all()
        # Everything that is read out has seen the whole question.
        assert batch.read_out_positions[row, :n].min() > places[:n].max()


def test_each_image_is_in_a_batch_once(dataset: RegionDataset, collate: RegionDataCollator) -> None:
    batch = collate([dataset[row] for row in (0, 7, 1, 6)])
    assert batch.pixel_values.shape[0] == 2
    assert batch.image_index[batch.row_index].tolist() == [0, 1, 0, 1]


def test_targets_keep_their_types(dataset: RegionDataset, collate: RegionDataCollator) -> None:
    target = collate([dataset[row] for row in range(10)]).targets.target
    assert target["distance"].dtype == torch.float32
    assert target["distance"].tolist() == [2.5, 0.0, 2.5, 0.0]
    assert target["left_right"].tolist() == [1, 1]
    assert target["multiple_choice"].dtype == torch.long
    assert target["counting"].tolist() == [2, 2]


def test_a_mirrored_question_is_true_of_the_mirrored_picture(table: pa.Table, image_folder: Path, built: Built) -> None:
    processor = built[1]
    plain = RegionDataset(table, image_folder, processor)[2]
    always = RegionDataset(table, image_folder, processor, augmentation=Augmentation(mirror=1.0, word_dropout=0.0))[2]
    assert (plain.target, always.target) == ("right", "left")
    words = processor.tokenizer.decode([token for token in always.tokens.ids if token > 5])
    assert "right of" in words
    assert np.array_equal(always.pixels, plain.pixels[:, :, ::-1])
    assert np.allclose(always.regions[0].geometry[0], -plain.regions[0].geometry[0])
    assert always.regions[0].coverage.sum() == pytest.approx(plain.regions[0].coverage.sum())


def test_augmentation_is_drawn_from_seed_epoch_and_question_alone(
    table: pa.Table, image_folder: Path, built: Built
) -> None:
    def draw(epoch: int, first: int) -> list[list[int]]:
        dataset = RegionDataset(table, image_folder, built[1], augmentation=Augmentation(word_dropout=0.4), seed=3)
        rows = [*range(first, 30), *range(first)]
        drawn = {row: dataset[epoch, row].tokens.ids for row in rows}
        return [drawn[row] for row in range(30)]

    assert draw(0, 0) == draw(0, 17)
    assert draw(0, 0) != draw(1, 0)


def test_any_number_of_workers_gives_the_same_batches_in_the_same_order(
    table: pa.Table, image_folder: Path, built: Built
) -> None:
    def batches(workers: int) -> list[dict[str, Any]]:
        dataset = RegionDataset(table, image_folder, built[1], augmentation=Augmentation(), seed=3)
        sampler = ImageBatchSampler(dataset.images, images_per_batch=2, max_questions=64, seed=3)
        loader = DataLoader(
            dataset, batch_sampler=sampler, collate_fn=RegionDataCollator(built[1]), num_workers=workers
        )
        return [vars(batch) for batch in loader]

    alone, shared = batches(0), batches(2)
    assert len(alone) == len(shared) == 3
    for one, other in zip(alone, shared, strict=True):
        assert one.keys() == other.keys()
        tensors = [key for key, value in one.items() if isinstance(value, torch.Tensor)]
        assert {"pixel_values", "coverage", "input_ids"} <= set(tensors)
        assert all(torch.equal(one[key], other[key]) for key in tensors)


def test_word_dropout_never_drops_a_mask(table: pa.Table, image_folder: Path, built: Built) -> None:
    dataset = RegionDataset(table, image_folder, built[1], augmentation=Augmentation(word_dropout=0.9))
    for row in range(30):
        assert len(dataset[row].tokens.mask_positions) == len(dataset[row].regions)


def test_a_question_with_too_few_masks_is_refused(built: Built) -> None:
    with pytest.raises(RegionHeadsError, match=r"1 <mask> but 2 regions"):
        built[1].encode("Where is <mask>?", regions=2)


def test_a_missing_image_is_reported_with_its_path(table: pa.Table, tmp_path: Path, built: Built) -> None:
    with pytest.raises(RegionHeadsError, match=r"0\.png: expected a picture, found no such file"):
        RegionDataset(table, tmp_path, built[1])[0]


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(0, 3),
)
def test_every_row_comes_once_an_epoch_and_images_stay_together(
    images: list[str], per_batch: int, limit: int, epoch: int
) -> None:
    sampler = ImageBatchSampler(images, images_per_batch=per_batch, max_questions=limit, seed=1)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert sorted(row for batch in batches for _, row in batch) == list(range(len(images)))
    assert {key[0] for batch in batches for key in batch} == {epoch}
    for batch in batches:
        assert len(batch) <= per_batch * limit
    if limit >= len(images):
        for image in set(images):
            assert sum(any(images[row] == image for _, row in batch) for batch in batches) == 1


def test_the_cache_keeps_what_fits_in_its_bytes_and_the_newest_picture(
    table: pa.Table, image_folder: Path, built: tuple[RegionHeadsModel, RegionProcessor]
) -> None:
    images = [f"{number}.png" for number in range(6)]

    def kept(limit: int) -> tuple[list[str], int]:
        """The pictures after two epochs with mirrored ones, and the memory of all arrays that stayed."""
        mirrored = Augmentation(mirror=1.0, reorder=0.0, word_dropout=0.0)
        dataset = RegionDataset(table, image_folder, built[1], augmentation=mirrored, cached_scenes=limit)
        for row in (*range(0, 30), *range(0, 30)):
            dataset[row]
        arrays = [
            array
            for scene in dataset._scenes.values()
            for array in (scene.pixels, *(a for region in scene._regions.values() for a in astuple(region)))
        ]
        return [image for image, _ in dataset._scenes], sum(array.nbytes for array in arrays)

    everything, size = kept(2**30)
    assert everything == images
    half, taken = kept(size // 2)
    assert half == [*images[: len(half) - 1], images[-1]], "the first stay, so that the next epoch finds them"
    assert 2 <= len(half) < 6
    assert taken <= size // 2
    assert kept(0)[0] == images[-1:]


@pytest.mark.parametrize(("ranks", "workers", "share"), [("", 0, 96), ("4", 0, 24), ("4", 3, 8), ("", 2, 48)])
def test_the_caches_of_all_ranks_and_workers_of_a_machine_share_one_bound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ranks: str, workers: int, share: int
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    arguments = RegionTrainingArguments(output_dir=str(tmp_path), scene_cache=96, dataloader_num_workers=workers)
    assert arguments.cache_share == share * 2**20


def test_a_batch_moves_whole_and_forgets_its_answers_on_request(
    dataset: RegionDataset, collate: RegionDataCollator
) -> None:
    batch = collate([dataset[row] for row in range(10)])
    moved = batch.to("meta")
    assert moved.targets is not None
    for tensor in (moved.pixel_values, moved.task_index["counting"], moved.targets.target["distance"]):
        assert tensor.device.type == "meta"
    assert moved.unanswered.targets is moved.unanswered.labels is None
    assert moved.labels is not None
