"""The collator: questions to one batch, each image once, indices grouped by task on the CPU."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from region_heads.data.dataset import Question
from region_heads.data.images import RegionFeatures
from region_heads.data.processor import PICTURE, RegionProcessor
from region_heads.modeling.batch import IGNORED, Batch, Targets
from region_heads.modeling.packing import PADDING
from region_heads.tasks import TASK_INDEX, TASKS

_DTYPES = {"float64": torch.float32, "int32": torch.long, "string": torch.long}


class RegionDataCollator:
    """Pads questions to a batch for :class:`~region_heads.modeling.model.RegionHeadsModel`.

    Questions about one image share rows, up to the processor's ``row_length``. A question without a target is answered
    and teaches nothing, nor does a stand-in.

    Example:
        >>> import pyarrow.parquet as pq
        >>> from region_heads import RegionDataCollator, RegionDataset, RegionHeadsModel, RegionProcessor
        >>> processor = RegionProcessor.from_pretrained("models/region_heads")
        >>> questions = RegionDataset(pq.read_table("data/splits/test.parquet"), "data/sample", processor)
        >>> batch = RegionDataCollator(processor)([questions[0], questions[1]])
        >>> batch.region_index.shape  # [B, N], the largest number of regions of a question
        torch.Size([2, 3])
        >>> model = RegionHeadsModel.from_pretrained("models/region_heads").eval()
        >>> model(batch=batch).outputs["distance"].answer.shape  # metres, one for each question of this task
        torch.Size([2])
    """

    def __init__(self, processor: RegionProcessor) -> None:
        self._processor = processor

    def __call__(self, questions: Sequence[Question]) -> Batch:
        task_types = torch.tensor([TASK_INDEX[question.task.name] for question in questions])
        regions = self._regions(questions)
        return Batch(
            **self._images(questions),
            **self._rows(questions),
            **regions,
            limits=torch.tensor([(one.limit or 0.0) / self._processor.image_format.length_unit for one in questions]),
            task_types=task_types,
            task_index={task.name: (task_types == TASK_INDEX[task.name]).nonzero().squeeze(-1) for task in TASKS},
            targets=self._targets(questions, _named(questions, **regions)),
        )

    @staticmethod
    def _images(questions: Sequence[Question]) -> dict[str, Any]:
        first = list({question.image: question for question in questions}.values())
        height, width = (max(question.pixels.shape[axis] for question in first) for axis in (1, 2))
        pixels = np.zeros((len(first), first[0].pixels.shape[0], height, width), dtype=np.float32)
        for place, question in enumerate(first):
            pixels[place, :, : question.pixels.shape[1], : question.pixels.shape[2]] = question.pixels
        coordinates = [torch.from_numpy(question.coordinates) for question in first if question.coordinates is not None]
        overviews = [question.overview for question in first if question.overview is not None]
        return {
            "pixel_values": torch.from_numpy(pixels),
            "overviews": torch.from_numpy(np.stack(overviews).astype(np.float32)) if overviews else None,
            "coordinates": pad_sequence(coordinates, batch_first=True) if coordinates else None,
            "sizes": torch.tensor([question.pixels.shape[1:] for question in first]),
            "grids": torch.tensor([question.grid for question in first]),
        }

    def _rows(self, questions: Sequence[Question]) -> dict[str, Any]:
        images = list(dict.fromkeys(question.image for question in questions))
        rows = self._pack(questions)
        prefixes = [np.array(self._processor.prefix(questions[row[0]].grid)) for row in rows]
        pictures = [(prefix == PICTURE).nonzero()[0] for prefix in prefixes]
        lengths = [
            len(prefix) + sum(len(questions[b].tokens.ids) for b in row)
            for prefix, row in zip(prefixes, rows, strict=True)
        ]
        R, L, B = len(rows), max(lengths), len(questions)
        ids = np.full((R, L), self._processor.pad_id)
        labels = np.full((R, L), IGNORED)
        segments = np.full((R, L), PADDING)
        position_ids = np.zeros((R, L), dtype=np.int64)
        image_positions = np.full((R, max(map(len, pictures))), -1)
        row_index, starts = np.zeros(B, dtype=np.int64), np.zeros(B, dtype=np.int64)
        for r, (row, prefix, picture) in enumerate(zip(rows, prefixes, pictures, strict=True)):
            head = len(prefix)
            ids[r, :head] = np.where(prefix == PICTURE, self._processor.pad_id, prefix)
            image_positions[r, : len(picture)] = picture
            segments[r, :head] = 0
            position_ids[r, :head] = np.arange(head)
            start = head
            for segment, b in enumerate(row, 1):
                encoded = questions[b].tokens
                end = start + len(encoded.ids)
                ids[r, start:end] = encoded.ids
                if not questions[b].stands_in:
                    labels[r, start + encoded.text_start : end] = encoded.ids[encoded.text_start :]
                segments[r, start:end] = segment
                position_ids[r, start:end] = np.arange(head, head + end - start)
                row_index[b], starts[b] = r, start
                start = end
        rows_as_arrays = {
            "input_ids": ids,
            "segments": segments,
            "position_ids": position_ids,
            "image_index": np.array([images.index(questions[row[0]].image) for row in rows]),
            "image_positions": image_positions,
            "row_index": row_index,
            "answer_positions": starts + np.array([question.tokens.answer_position for question in questions]),
            "mask_positions": _padded([q.tokens.mask_positions for q in questions], starts),
            "read_out_positions": _padded([q.tokens.read_out_positions for q in questions], starts),
            "word_positions": _padded([q.tokens.word_positions for q in questions], starts),
            "labels": labels,
        }
        found: dict[str, Any] = {name: torch.from_numpy(array) for name, array in rows_as_arrays.items()}
        states = [torch.from_numpy(q.tokens.word_states) for q in questions if q.tokens.word_states is not None]
        return found | {"word_states": pad_sequence(states, batch_first=True).float() if states else None}

    def _pack(self, questions: Sequence[Question]) -> list[list[int]]:
        """Questions of each row: each in the fullest row of its image that has room for it, the longest first."""
        most = self._processor.prompt.row_length or 0
        rows: list[list[int]] = []
        lengths: list[int] = []
        of_image: dict[str, list[int]] = {question.image: [] for question in questions}
        for b, question in sorted(enumerate(questions), key=lambda item: -len(item[1].tokens.ids) if most else 0):
            size = len(question.tokens.ids)
            fitting = [row for row in of_image[question.image] if lengths[row] + size <= most]
            if fitting:
                row = max(fitting, key=lengths.__getitem__)
            else:
                row = len(rows)
                of_image[question.image].append(row)
                rows.append([])
                lengths.append(len(self._processor.prefix(question.grid)))
            rows[row].append(b)
            lengths[row] += size
        return rows

    @staticmethod
    def _regions(questions: Sequence[Question]) -> dict[str, Any]:
        """The regions of each image, each once however many questions ask about it."""
        found: dict[str, dict[str, RegionFeatures]] = {question.image: {} for question in questions}
        places: list[list[int]] = []
        for question in questions:
            of_image = found[question.image]
            of_image.update(zip(question.region_keys, question.regions, strict=True))
            order = {key: place for place, key in enumerate(of_image)}
            places.append([order[key] for key in question.region_keys])
        images, most = len(found), max(len(of_image) for of_image in found.values())
        first = questions[0].regions[0]
        cells = max(len(question.regions[0].coverage) for question in questions)
        coverage, enclosure = (np.zeros((images, most, cells), dtype=np.float32) for _ in range(2))
        geometry = np.zeros((images, most, len(first.geometry)), dtype=np.float32)
        close_ups = np.zeros((images, most, *first.close_up.shape), dtype=np.uint8)
        for i, of_image in enumerate(found.values()):
            for m, region in enumerate(of_image.values()):
                coverage[i, m, : len(region.coverage)] = region.coverage
                enclosure[i, m, : len(region.coverage)] = region.enclosure
                geometry[i, m] = region.geometry
                close_ups[i, m] = region.close_up
        arrays = {
            "coverage": coverage, "enclosure": enclosure, "geometry": geometry, "close_ups": close_ups,
            "region_index": _padded(places, np.zeros(len(questions), dtype=np.int64)),
        }  # fmt: skip
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    @staticmethod
    def _targets(questions: Sequence[Question], named: tuple[Tensor, Tensor]) -> Targets:
        by_task: dict[str, Tensor] = {}
        for task in TASKS:
            targets = [question.target for question in questions if question.task is task]
            values = [0 if target is None else task.as_class(target) for target in targets]
            by_task[task.name] = torch.tensor(values, dtype=_DTYPES[task.target_dtype])
        N = max(len(question.answer_order) for question in questions)
        orders = {
            name: torch.from_numpy(
                np.stack([np.pad(getattr(q, name), (0, N - len(getattr(q, name)))) for q in questions])
            )
            for name in ("answer_order", "anchor_order")
        }
        taught = [question.target is not None and not question.stands_in for question in questions]
        grounded = torch.tensor([question.grounded for question in questions])
        return Targets(
            target=by_task, **orders, grounded=grounded, labelled=torch.tensor(taught), named=named[0], names=named[1]
        )


def _named(questions: Sequence[Question], region_index: Tensor, coverage: Tensor, **_: Tensor) -> tuple[Tensor, Tensor]:
    """Regions that are named, as places among all of all images, ``[K]``; and the tokens of each name, ``[K, T]``."""
    images = list(dict.fromkeys(question.image for question in questions))
    named = [
        (images.index(question.image) * coverage.shape[1] + int(region_index[b, region]), torch.tensor(tokens))
        for b, question in enumerate(questions)
        if not question.stands_in
        for region, tokens in question.names
        if tokens
    ]
    if not named:
        return torch.empty(0, dtype=torch.long), torch.empty(0, 0, dtype=torch.long)
    places, tokens = zip(*named, strict=True)
    return torch.tensor(places), pad_sequence(list(tokens), batch_first=True, padding_value=-1)


def _padded(positions: list[list[int]], starts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Positions ``[B, N]`` in their rows, padded with -1."""
    padded = np.full((len(positions), max(len(of_one) for of_one in positions)), -1)
    for b, (of_one, start) in enumerate(zip(positions, starts, strict=True)):
        padded[b, : len(of_one)] = start + np.array(of_one)
    return padded
