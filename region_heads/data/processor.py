"""The processor: question text to token ids with places for the regions and the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from region_heads.data.question_turn import QuestionTurn
from region_heads.data.text_encoder import TextEncoder
from region_heads.errors import RegionHeadsError, first_line
from region_heads.files.digests import file_digest
from region_heads.image_format import ImageFormat
from region_heads.records import MASK_TOKEN
from region_heads.tasks import Task

READ_OUT_TOKEN = "<read_out>"
ANSWER_TOKEN = "<answer>"
NEW_TOKENS = (MASK_TOKEN, READ_OUT_TOKEN, ANSWER_TOKEN)

PICTURE = -1
"""Stands for a token of a picture, which is no word of the vocabulary."""

_FILE = "region_processor.json"
_ENCODER = "text_encoder"  # folder of the text encoder beside it
_FILES = (_FILE, "tokenizer.json", "tokenizer_config.json")  # without the last, tokens such as the end's are lost


@dataclass(frozen=True)
class Encoded:
    """One question as tokens, without the image in front of it; positions count from the start of ``ids``."""

    ids: list[int]
    mask_positions: list[int]
    read_out_positions: list[int]
    answer_position: int
    text_start: int  # first token of the text answer; len(ids) when there is none
    word_positions: list[int]  # the question's words, its masks and what a chat puts around them left out
    word_states: NDArray[np.float16] | None = None  # [words, S] what the text encoder says of each, where there is one


@dataclass(frozen=True)
class PromptFormat:
    """What stands in front of the questions about an image, and around each of them.

    Attributes:
        before, after: Token ids before and after the image's tokens.
        tile: Text ahead of each tile, with places for its row and column from 1; "" where nothing stands between the
            tokens of a picture.
        overview: Text between such tiles and the tokens of the whole picture.
        extra_tokens: Without such text, tokens of a picture beside those of its cells.
        line_ends: Whether each row of its cells ends in a token more.
        around: Text before and after a question's own: the turn of the chat that the backbone was taught.
        context: The special token with which the image ends, as text: what follows is read as behind it.
        image_token_grid: Image tokens a side; None for one of each cell of the feature map.
        row_length: Tokens up to which questions about one image share a row; None gives each a row of its own.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    around: tuple[str, str] = ("", "")
    context: str = ""
    tile: str = ""
    overview: str = ""
    extra_tokens: int = 0
    line_ends: bool = False
    image_token_grid: int | None = None
    row_length: int | None = None


class RegionProcessor:
    """Encodes questions for a backbone; saved beside the model.

    A question is its words with one ``<mask>`` token a region in its turn of the chat, one read-out token a region, the
    answer token, and in training the text answer, when that is learned.

    Args:
        tokenizer: Knows ``<mask>``, ``<read_out>`` and ``<answer>`` as single tokens (``add_region_tokens``).
        image_format: Input of the vision tower.
        prompt: What stands in front of the questions.
        wordings: Task and question of each wording of the training data, for the router to learn from.
        text_encoder: Says what words mean, beside the tokens that the backbone reads; None for none.

    Example:
        >>> from region_heads import RegionProcessor
        >>> processor = RegionProcessor.from_pretrained("models/region_heads")
        >>> encoded = processor.encode("How far is <mask> from <mask>?", regions=2)
        >>> [encoded.ids[place] == processor.mask_id for place in encoded.mask_positions]
        [True, True]
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        image_format: ImageFormat,
        prompt: PromptFormat,
        wordings: Sequence[tuple[str, str]] = (),
        text_encoder: TextEncoder | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder
        self.wordings = wordings
        self.image_format = image_format
        self.prompt = prompt
        self._prefixes: dict[tuple[PromptFormat, tuple[int, int]], list[int]] = {}
        self.mask_id, self.read_out_id, self.answer_id = tokenizer.convert_tokens_to_ids(list(NEW_TOKENS))
        # Padding is never read, so any id will do where the tokenizer has none of its own.
        self.pad_id: int = next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0)

    def prefix(self, grid: tuple[int, int]) -> list[int]:
        """Token ids ahead of the questions about a picture with this feature map, ``PICTURE`` for each of its own."""
        key = self.prompt, grid
        if key not in self._prefixes:
            self._prefixes[key] = [*self.prompt.before, *self._picture(*grid), *self.prompt.after]
        return self._prefixes[key]

    def _picture(self, rows: int, columns: int) -> list[int]:
        prompt = self.prompt
        if prompt.image_token_grid is not None:
            return [PICTURE] * prompt.image_token_grid**2
        side = self.image_format.unit // self.image_format.stride
        if not prompt.tile:
            # A lone tile is the whole already, but for families that pad it.
            again = self.image_format.is_tiled and (prompt.line_ends or (rows, columns) != (side, side))
            count = rows * columns + prompt.extra_tokens + prompt.line_ends * rows + again * side**2
            return [PICTURE] * count
        ids: list[int] = []
        for row in range(1, rows // side + 1):
            for column in range(1, columns // side + 1):
                # Lines of tiles end in a line break, and the last in two, which a tokenizer may read as one token.
                text = ("\n" if row > column == 1 else "") + prompt.tile.format(row=row, column=column)
                ids += [*self.tokenizer.encode(text, add_special_tokens=False), *[PICTURE] * side**2]
        whole = self.tokenizer.encode(f"\n\n{prompt.overview}", add_special_tokens=False)
        return [*ids, *whole, *[PICTURE] * side**2]

    def encode(self, question: str, *, regions: int, text: str | None = None) -> Encoded:
        """Token ids of one question and the places of its parts.

        Raises:
            RegionHeadsError: The question's number of ``<mask>`` is not ``regions``.
        """
        return self.assemble(self.turn(question), regions=regions, text=text)

    def turn(self, question: str) -> QuestionTurn:
        """A question in its turn of the chat.

        The whole is read at once, as the backbone's own processor does: ids at a seam depend on both sides of it.
        """
        before, after = (len(text) for text in self.prompt.around)
        text = self.prompt.context + question.join(self.prompt.around)
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        first, last = len(self.prompt.context) + before, len(text) - after
        skipped = 1 if self.prompt.context else 0
        offsets = found["offset_mapping"][skipped:]
        own = [place for place, (start, end) in enumerate(offsets) if (start >= first or end > first) and start < last]
        turn = QuestionTurn(found["input_ids"][skipped:], range(own[0], own[-1] + 1) if own else range(0))
        if self.text_encoder is None:
            return turn
        words = self.text_encoder(question)
        states = np.zeros((len(turn.own), self.text_encoder.size), np.float16)
        for state, place in zip(states, turn.own, strict=True):
            start, end = (max(at - first, 0) for at in offsets[place])
            of_token = words.of_characters[start:end]  # with the space ahead of it
            if turn.ids[place] != self.mask_id and (of_token >= 0).any():
                state[:] = words.states[of_token[of_token >= 0][0]]
        return replace(turn, states=states)

    def assemble(self, turn: QuestionTurn, *, regions: int, text: str | None = None) -> Encoded:
        """Like :meth:`encode`, from what :meth:`turn` gave."""
        masks = [place for place in turn.own if turn.ids[place] == self.mask_id]
        if len(masks) != regions:
            raise RegionHeadsError(
                f"question has {len(masks)} {MASK_TOKEN} but {regions} regions; validate finds such records"
            )
        read_out = len(turn.ids)
        answer = read_out + regions
        ids = turn.ids + [self.read_out_id] * regions + [self.answer_id]
        text_start = len(ids)
        words = [place for place in turn.own if turn.ids[place] != self.mask_id]
        if text is not None:
            if self.tokenizer.eos_token_id is None:
                raise RegionHeadsError(
                    "the backbone's tokenizer: expected an end token (eos_token), with which a taught text ends, found "
                    "none; name it in tokenizer_config.json, or set finetune.language_loss_weight to 0"
                )
            ids += [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]
        return Encoded(
            ids=ids,
            mask_positions=masks,
            read_out_positions=list(range(read_out, answer)),
            answer_position=answer,
            text_start=text_start,
            word_positions=words,
            word_states=None if turn.states is None else turn.states[[place - turn.own.start for place in words]],
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes tokenizer and settings into a model folder."""
        folder = Path(folder)
        self.tokenizer.save_pretrained(folder)
        settings: dict[str, Any] = {"image_format": asdict(self.image_format), "prompt": asdict(self.prompt)}
        settings |= {"wordings": list(map(list, self.wordings))}
        if self.text_encoder is not None:
            self.text_encoder.save_pretrained(folder / _ENCODER)
            settings["text_encoder"] = {path.name: file_digest(path) for path in sorted((folder / _ENCODER).iterdir())}
        (folder / _FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> RegionProcessor:
        """Reads what :meth:`save_pretrained` wrote.

        Raises:
            RegionHeadsError: The folder is not a model folder of this project.
        """
        folder = Path(folder)
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise RegionHeadsError(
                f"{folder}: expected a model folder with {missing[0]}, found none; copy or train the model again"
            )
        try:
            settings = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            image_format, prompt = settings["image_format"], settings["prompt"]
            digests = dict(settings.get("text_encoder", {}))
            image_format |= {key: tuple(image_format[key]) for key in ("mean", "std")}
            image_format["canvases"] = tuple(map(tuple, image_format.get("canvases", ())))
            # Models of older versions have no "around": nothing stood around their questions.
            prompt |= {key: tuple(prompt[key]) for key in ("before", "after", "around") if key in prompt}
            processor = cls(
                PreTrainedTokenizerFast.from_pretrained(folder),
                image_format=ImageFormat(**image_format),
                prompt=PromptFormat(**prompt),
                wordings=[(Task.of(task).name, str(question)) for task, question in settings["wordings"]],
            )
        except Exception as error:  # tokenizers raise plain Exceptions
            raise RegionHeadsError(
                f"{folder}: {', '.join(_FILES[:2])} or {_FILES[2]} cannot be read ({type(error).__name__}: "
                f"{first_line(error)}); copy or train the model again"
            ) from None
        for name, digest in digests.items():
            path = folder / _ENCODER / name
            if not path.is_file() or file_digest(path) != digest:
                found = "another" if path.exists() else "none"
                raise RegionHeadsError(
                    f"{path}: expected the file that was saved with the model, found {found}; copy or train the model "
                    "again"
                )
        if digests:
            processor.text_encoder = TextEncoder.from_pretrained(folder / _ENCODER)
        return processor


def add_region_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    """Makes ``<mask>``, ``<read_out>`` and ``<answer>`` single tokens of a pretrained tokenizer."""
    tokenizer.add_special_tokens(
        {"extra_special_tokens": list(NEW_TOKENS)},
        replace_extra_special_tokens=False,
    )


def train_tokenizer(texts: list[str], *, vocab_size: int = 1024) -> PreTrainedTokenizerFast:
    """A small lower-case byte-pair tokenizer for the ``tiny`` backbone, from the training questions.

    Words that were not seen fall apart into pieces that were. Merges without a prefix for word pieces are the one kind
    that the tokenizers library learns the same in every process; word pieces would make runs differ from their seed.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # Numbers digit by digit: 2.32 is then near 2.33, and every number can be written.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Digits(individual_digits=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<eos>", *NEW_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        extra_special_tokens=list(NEW_TOKENS),
    )
