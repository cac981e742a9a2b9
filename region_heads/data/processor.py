"""The processor: question text to token ids with places for the image, the regions and the answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from region_heads.data.images import ImageFormat
from region_heads.errors import RegionHeadsError
from region_heads.records import MASK_TOKEN

READ_OUT_TOKEN = "<read_out>"
ANSWER_TOKEN = "<answer>"
_FILE = "region_processor.json"


@dataclass(frozen=True)
class Encoded:
    """One question as tokens; positions count from the start of ``ids``."""

    ids: list[int]
    image_positions: list[int]
    mask_positions: list[int]
    read_out_positions: list[int]
    answer_position: int
    freeform_start: int  # first token of the freeform answer; len(ids) when there is none


class RegionProcessor:
    """Encodes questions for a backbone; saved beside the model.

    A sequence is: image tokens, the question with one ``<mask>`` token a region, one read-out token a region, the
    answer token, and in training the freeform answer.

    Args:
        tokenizer: Knows ``<mask>``, ``<read_out>`` and ``<answer>`` as single tokens (``add_region_tokens``).
        image_format: Input of the vision tower.
        image_tokens: Number of image tokens in front of the question.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, image_format: ImageFormat, image_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.image_format = image_format
        self.image_tokens = image_tokens
        self.mask_id, self.read_out_id, self.answer_id = tokenizer.convert_tokens_to_ids(
            [MASK_TOKEN, READ_OUT_TOKEN, ANSWER_TOKEN]
        )
        self.pad_id: int = tokenizer.pad_token_id

    def encode(self, question: str, *, regions: int, freeform: str | None = None) -> Encoded:
        """Token ids of one question and the places of its parts.

        Raises:
            RegionHeadsError: The question's number of ``<mask>`` is not ``regions``.
        """
        words: list[int] = self.tokenizer.encode(question, add_special_tokens=False)
        return self.assemble(words, regions=regions, freeform=freeform)

    def assemble(self, words: list[int], *, regions: int, freeform: str | None = None) -> Encoded:
        """Like :meth:`encode`, from the question's token ids."""
        start = self.image_tokens
        masks = [start + place for place, token in enumerate(words) if token == self.mask_id]
        if len(masks) != regions:
            raise RegionHeadsError(
                f"question has {len(masks)} {MASK_TOKEN} but {regions} regions; validate finds such records"
            )
        read_out = start + len(words)
        answer = read_out + regions
        ids = [self.pad_id] * start + words + [self.read_out_id] * regions + [self.answer_id]
        freeform_start = len(ids)
        if freeform is not None:
            ids += [*self.tokenizer.encode(freeform, add_special_tokens=False), self.tokenizer.eos_token_id]
        return Encoded(
            ids=ids,
            image_positions=list(range(start)),
            mask_positions=masks,
            read_out_positions=list(range(read_out, answer)),
            answer_position=answer,
            freeform_start=freeform_start,
        )

    def save_pretrained(self, folder: Path) -> None:
        """Writes tokenizer and image settings into a model folder."""
        self.tokenizer.save_pretrained(folder)
        settings = {"image_format": asdict(self.image_format), "image_tokens": self.image_tokens}
        (folder / _FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: Path) -> RegionProcessor:
        """Reads what :meth:`save_pretrained` wrote.

        Raises:
            RegionHeadsError: The folder is not a model folder of this project.
        """
        path = folder / _FILE
        if not path.is_file():
            raise RegionHeadsError(f"{folder}: expected a model folder with {_FILE}, found none")
        settings = json.loads(path.read_text(encoding="utf-8"))
        image_format = settings["image_format"]
        image_format |= {key: tuple(image_format[key]) for key in ("mean", "std")}
        return cls(
            PreTrainedTokenizerFast.from_pretrained(folder),
            image_format=ImageFormat(**image_format),
            image_tokens=settings["image_tokens"],
        )


def add_region_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    """Makes ``<mask>``, ``<read_out>`` and ``<answer>`` single tokens of a pretrained tokenizer."""
    tokenizer.add_special_tokens(
        {"extra_special_tokens": [MASK_TOKEN, READ_OUT_TOKEN, ANSWER_TOKEN]},
        replace_extra_special_tokens=False,
    )


def train_tokenizer(texts: list[str], *, vocab_size: int = 1024) -> PreTrainedTokenizerFast:
    """A small lower-case byte-pair tokenizer for the ``tiny`` backbone, from the training questions.

    Words that were not seen fall apart into pieces that were. Merges without a prefix for word pieces are the one kind
    that the tokenizers library learns the same in every process; word pieces would make runs differ from their seed.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<eos>", MASK_TOKEN, READ_OUT_TOKEN, ANSWER_TOKEN]
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
        extra_special_tokens=[MASK_TOKEN, READ_OUT_TOKEN, ANSWER_TOKEN],
    )
