"""The data set: rows of a split table to everything that the collator needs of one question."""

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch.utils.data import Dataset

from region_heads.cell_coordinates import mirrored_cells
from region_heads.data.batches import Key
from region_heads.data.images import RegionFeatures, Scene
from region_heads.data.limits import said_length
from region_heads.data.mirroring import can_mirror, swap_sides
from region_heads.data.naming import name_tokens, names
from region_heads.data.processor import Encoded, RegionProcessor
from region_heads.data.reordering import order_matters, renumber, reorder
from region_heads.data.settings import Augmentation, TextAnswer
from region_heads.errors import RegionHeadsError
from region_heads.records import MASK_TOKEN
from region_heads.tasks import Answer, Task


@dataclass(frozen=True)
class Question:
    """One question, ready to be collated; ``n`` is its number of regions."""

    row: int
    image: str
    pixels: NDArray[np.float16]  # [C, H, W]
    grid: tuple[int, int]  # rows and columns of its feature map
    tokens: Encoded
    region_keys: tuple[str, ...]  # the same for the same mask in other questions about the image
    regions: tuple[RegionFeatures, ...]
    task: Task
    target: Answer | None
    answer_order: NDArray[np.int64]  # [n] 1, 2, … in order of mention, 0 elsewhere
    anchor_order: NDArray[np.int64]  # [n] likewise
    grounded: bool
    names: tuple[tuple[int, tuple[int, ...]], ...] = ()  # regions, and the tokens of what they are called
    coordinates: NDArray[np.float32] | None = None  # [P, COORDINATES] of each cell, where the model reads them
    overview: NDArray[np.float16] | None = None  # [C, U, U] the picture as a whole, where the tower reads its tiles
    limit: float | None = None  # metres, the length that the question says
    stands_in: bool = False  # fills a batch that would be empty


class RegionDataset(Dataset[Question]):
    """Questions of a split table (``region_heads.records.SPLIT_SCHEMA``, or any table with its columns).

    Args:
        table: The questions; :func:`region_heads.question_table` makes it of dictionaries.
        root: Folder that the ``image`` and ``depth`` columns are relative to.
        processor: Tokens and image format.
        depth_scale: Metres for one unit of a depth image.
        augmentation: None for evaluation.
        text_answer: What follows the question for the language-model loss: the freeform answer, the typed one in
            its plainest form ("2.32", "left", "3"), or nothing.
        seed: Augmentation is drawn from (seed, epoch, image or row) alone, so that a resumed run repeats it.
        cached_scenes: Memory for the arrays of prepared pictures, in bytes. Pictures stay while they fit; of the
            others, the newest alone. Of 1920 x 1080, one takes 0.5 MB for ``tiny`` and 2 to 7 MB for pretrained
            families.

    Example:
        >>> import pyarrow.parquet as pq
        >>> from region_heads import RegionDataset, RegionProcessor
        >>> processor = RegionProcessor.from_pretrained("models/region_heads")
        >>> questions = RegionDataset(pq.read_table("data/splits/test.parquet"), "data/sample", processor)
        >>> question = questions[0]
        >>> question.task.name, question.target, len(question.regions)
        ('distance', 2.5, 2)
    """

    def __init__(
        self,
        table: pa.Table,
        root: str | Path,
        processor: RegionProcessor,
        *,
        depth_scale: float = 0.001,
        augmentation: Augmentation | None = None,
        text_answer: TextAnswer | None = None,
        seed: int = 0,
        cached_scenes: int = 256 * 2**20,
    ) -> None:
        columns = (
            "image", "depth", "field_of_view", "question", "rle", "task", "freeform_answer", "grounding",
            "grounding_roles",
            *(task.target_column for task in Task.registry.values()),
        )  # fmt: skip
        if not isinstance(table, pa.Table):
            raise RegionHeadsError(
                f"expected a table of questions, found {type(table).__name__}; make one of dictionaries by "
                "region_heads.question_table(records, root)"
            )
        # Arrow holds the rows: gigabytes of masks as Python objects would be copied into every worker.
        self._table = table.select([name for name in columns if name in table.column_names])
        self._absent = dict.fromkeys(name for name in columns if name not in table.column_names)
        self._tasks: list[str] = table["task"].to_pylist()
        self._images: list[str] = table["image"].to_pylist()
        self._root = Path(root)
        self._processor = processor
        self._depth_scale = depth_scale
        self._augmentation = augmentation
        self._text_answer = text_answer
        self._seed = seed
        self._rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, image in enumerate(self._images):
            self._rows[image].append(row)
        self._scenes: dict[tuple[str, float | None], Scene] = {}  # in the order in which they came
        self._cached_scenes, self._held = cached_scenes, 0

    def __len__(self) -> int:
        return len(self._images)

    @property
    def tasks(self) -> list[str]:
        """The task of each question, for balancing."""
        return self._tasks

    @property
    def images(self) -> list[str]:
        """The image of each question, for grouping."""
        return self._images

    def __getitem__(self, key: int | Key) -> Question:
        epoch, row = key if isinstance(key, tuple) else (0, key)
        if row < 0:
            return replace(self[epoch, ~row], stands_in=True)
        return self._question(epoch, row, mirror=self._mirrors(epoch, self._images[row]))

    def mirrored(self, row: int) -> Question | None:
        """The same question about the mirrored picture; None where it is not known what its words mean there."""
        return self._question(0, row, mirror=True) if can_mirror(self._table["question"][row].as_py()) else None

    def _question(self, epoch: int, row: int, *, mirror: bool) -> Question:
        column = self._table.slice(row, 1).to_pylist()[0] | self._absent
        lens = column["field_of_view"]
        scene = self._scene(column["image"], column["depth"], lens)
        task = Task.of(column["task"])
        text, target, freeform = column["question"], column[task.target_column], column["freeform_answer"]
        taught = freeform if self._text_answer == "freeform" else None
        # A picture whose words would be guessed stays as it is, for this question alone.
        mirror = mirror and can_mirror(text) and can_mirror(taught or "")
        regions = [scene.region(counts, mirror=mirror) for counts in column["rle"]]
        pixels, overview, coordinates = scene.pixels, scene.overview, scene.coordinates
        if mirror:
            pixels = pixels[:, :, ::-1]
            overview = None if overview is None else overview[:, :, ::-1]
            coordinates = None if coordinates is None else mirrored_cells(coordinates, columns=scene.grid[1])
            text, freeform = swap_sides(text), swap_sides(freeform) if freeform else freeform
            target = swap_sides(target) if isinstance(target, str) else target
        answer_order, anchor_order, grounded = self._grounding(column, len(regions))
        order = np.arange(len(regions))
        if not order_matters(text, taught, compares=bool(task.labels), names_region=task.names_region):
            order = self._order(text, len(regions), epoch, row)
        regions = [regions[old] for old in order]
        if task.names_region and target is not None:
            target = int(np.argsort(order)[target])
        answers = {"freeform": renumber(freeform, order) if freeform else None, "typed": plain(target)}
        return Question(
            row=row,
            image=f"{column['image']}{f' at {lens} degrees' if lens else ''}{' mirrored' if mirror else ''}",
            pixels=pixels,
            overview=overview,
            coordinates=coordinates,
            grid=scene.grid,
            tokens=self._encode(text, answers.get(self._text_answer or ""), len(regions), epoch, row),
            region_keys=tuple(column["rle"][old] for old in order),
            regions=tuple(regions),
            task=task,
            target=target,
            answer_order=answer_order[order],
            anchor_order=anchor_order[order],
            grounded=grounded,
            names=self._names(text, answers["freeform"]),
            limit=said_length(text),
        )

    def _scene(self, image: str, depth: str | None, field_of_view: float | None) -> Scene:
        key = image, field_of_view
        if key in self._scenes:
            return self._scenes[key]
        codes = self._table["rle"].take(pa.array(self._rows[image])).to_pylist()
        scene = Scene(
            self._root / image,
            None if depth is None else self._root / depth,
            {code for some in codes for code in some},
            depth_scale=self._depth_scale,
            image_format=self._processor.image_format,
            field_of_view=field_of_view,
        )
        # Epochs ask for every picture once: to drop the oldest would drop each before it is asked for again.
        while self._scenes and self._held + scene.nbytes > self._cached_scenes:
            self._held -= self._scenes.popitem()[1].nbytes
        self._scenes[key] = scene
        self._held += scene.nbytes
        return scene

    def _encode(self, text: str, answer: str | None, regions: int, epoch: int, row: int) -> Encoded:
        turn = self._processor.turn(text)
        if self._augmentation and self._augmentation.word_dropout > 0:
            rng = self._random("words", epoch, row)
            masks = np.array([turn.ids[place] == self._processor.mask_id for place in turn.own], dtype=bool)
            turn = turn.keeping(masks | (rng.random(len(masks)) >= self._augmentation.word_dropout))
        return self._processor.assemble(turn, regions=regions, text=answer)

    def _names(self, text: str, freeform: str | None) -> tuple[tuple[int, tuple[int, ...]], ...]:
        if self._augmentation is None:
            return ()
        encode = partial(self._processor.tokenizer.encode, add_special_tokens=False)
        return tuple((region, name_tokens(name, encode)) for region, name in names(text) + names(freeform or ""))

    def _mirrors(self, epoch: int, image: str) -> bool:
        if self._augmentation is None:
            return False
        return bool(self._random("mirror", epoch, image).random() < self._augmentation.mirror)

    def _order(self, question: str, regions: int, epoch: int, row: int) -> NDArray[np.int64]:
        if self._augmentation is not None and question.count(MASK_TOKEN) == regions:
            rng = self._random("order", epoch, row)
            if rng.random() < self._augmentation.reorder:
                return reorder(question, rng)
        return np.arange(regions)

    def _random(self, purpose: str, epoch: int, item: str | int) -> np.random.Generator:
        material = json.dumps([self._seed, purpose, epoch, item]).encode()
        return np.random.default_rng(np.frombuffer(material, dtype=np.uint8))

    @staticmethod
    def _grounding(column: dict[str, Any], regions: int) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
        orders = {role: np.zeros(regions, dtype=np.int64) for role in ("answer", "anchor")}
        if column["grounding"] is not None:
            for region, role in zip(column["grounding"], column["grounding_roles"], strict=True):
                order = orders[role]
                order[region] = order.max() + 1
        return orders["answer"], orders["anchor"], column["grounding"] is not None


def plain(target: Answer | None) -> str | None:
    """A typed answer as a model that answers in text should write it: metres with centimetres, else as it is."""
    return f"{target:.2f}" if isinstance(target, float) else None if target is None else str(target)
