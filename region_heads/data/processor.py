"""The processor: question text to token ids with places for the regions and the answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from region_heads.errors import RegionHeadsError, first_line
from region_heads.image_format import ImageFormat
from region_heads.records import MASK_TOKEN

READ_OUT_TOKEN = "<read_out>"
ANSWER_TOKEN = "<answer>"
_FILE = "region_processor.json"
_FILES = (_FILE, "tokenizer.json", "tokenizer_config.json")  # without the last, tokens such as the end's are lost


@dataclass(frozen=True)
class Encoded:
    """One question as tokens, without the image in front of it; positions count from the start of ``ids``."""

    ids: list[int]
    mask_positions: list[int]
    read_out_positions: list[int]
    answer_position: int
    text_start: int  # first token of the text answer; len(ids) when there is none


@dataclass(frozen=True)
class PromptFormat:
    """What stands in front of the questions about an image.

    Attributes:
        before, after: Token ids before and after the image's tokens.
        image_token_grid: Image tokens a side; None for one of each cell of the feature map.
        row_length: Tokens up to which questions about one image share a row; None gives each a row of its own.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    image_token_grid: int | None = None
    row_length: int | None = None


class RegionProcessor:
    """Encodes questions for a backbone; saved beside the model.

    A question is its words with one ``<mask>`` token a region, one read-out token a region, the answer token, and in
    training the text answer, when that is learned.

    Args:
        tokenizer: Knows ``<mask>``, ``<read_out>`` and ``<answer>`` as single tokens (``add_region_tokens``).
        image_format: Input of the vision tower.
        prompt: What stands in front of the questions.

    Example:
        >>> from region_heads import RegionProcessor
        >>> processor = RegionProcessor.from_pretrained("models/region_heads")
        >>> encoded = processor.encode("How far is <mask> from <mask>?", regions=2)
        >>> [encoded.ids[place] == processor.mask_id for place in encoded.mask_positions]
        [True, True]
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, image_format: ImageFormat, prompt: PromptFormat) -> None:
        self.tokenizer = tokenizer
        self.image_format = image_format
        self.prompt = prompt
        self.mask_id, self.read_out_id, self.answer_id = tokenizer.convert_tokens_to_ids(
            [MASK_TOKEN, READ_OUT_TOKEN, ANSWER_TOKEN]
        )
        # Padding is never read, so any id will do where the tokenizer has none of its own.
        self.pad_id: int = next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0)

    def image_tokens(self, grid: tuple[int, int]) -> int:
        """Number of image tokens of a picture with this feature map."""
        side = self.prompt.image_token_grid
        return grid[0] * grid[1] if side is None else side * side

    def encode(self, question: str, *, regions: int, text: str | None = None) -> Encoded:
        """Token ids of one question and the places of its parts.

        Raises:
            RegionHeadsError: The question's number of ``<mask>`` is not ``regions``.
        """
        words: list[int] = self.tokenizer.encode(question, add_special_tokens=False)
        return self.assemble(words, regions=regions, text=text)

    def assemble(self, words: list[int], *, regions: int, text: str | None = None) -> Encoded:
        """Like :meth:`encode`, from the question's token ids."""
        masks = [place for place, token in enumerate(words) if token == self.mask_id]
        if len(masks) != regions:
            raise RegionHeadsError(
                f"question has {len(masks)} {MASK_TOKEN} but {regions} regions; validate finds such records"
            )
        read_out = len(words)
        answer = read_out + regions
        ids = words + [self.read_out_id] * regions + [self.answer_id]
        text_start = len(ids)
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
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes tokenizer and settings into a model folder."""
        folder = Path(folder)
        self.tokenizer.save_pretrained(folder)
        settings = {"image_format": asdict(self.image_format), "prompt": asdict(self.prompt)}
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
            image_format |= {key: tuple(image_format[key]) for key in ("mean", "std")}
            prompt |= {key: tuple(prompt[key]) for key in ("before", "after")}
            return cls(
                PreTrainedTokenizerFast.from_pretrained(folder),
                image_format=ImageFormat(**image_format),
                prompt=PromptFormat(**prompt),
            )
        except Exception as error:  # tokenizers raise plain Exceptions
            raise RegionHeadsError(
                f"{folder}: {', '.join(_FILES[:2])} or {_FILES[2]} cannot be read ({type(error).__name__}: "
                f"{first_line(error)}); copy or train the model again"
            ) from None


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
    # Numbers digit by digit: 2.32 is then near 2.33, and every number can be written.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Digits(individual_digits=True)]
    )
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
