"""The turn of a chat in which a pretrained model was taught to be asked about a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase, ProcessorMixin

from region_heads.errors import RegionHeadsError, first_line

_QUESTION = "the question"
_FILES = ("chat_template.jinja", "chat_template.json", "processor_config.json")


class Turn(NamedTuple):
    """What stands around a picture and a question, as text; all empty for a model that was taught no chat."""

    before: str = ""
    """Ahead of the picture: the system's turn, the head of the user's."""
    between: str = ""
    after: str = ""
    """Behind the question: the end of the user's turn, the head of the answer's."""


def chat_template(name_or_path: str, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The chat template that comes with a model: that of its processor, else its tokenizer's.

    Raises:
        RegionHeadsError: It cannot be read, or there are several, and none is the default.
    """
    folder = Path(name_or_path)
    found: dict[str, Any] = {}
    if not folder.is_dir() or any((folder / name).exists() for name in _FILES):
        try:
            found, _ = ProcessorMixin.get_processor_dict(name_or_path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RegionHeadsError(
                f"backbone {name_or_path!r}: its chat template cannot be read ({type(error).__name__}: "
                f"{first_line(error)}); fetch {' or '.join(_FILES)} again"
            ) from None
    template = found.get("chat_template") or tokenizer.chat_template
    if isinstance(template, dict):  # several, for several uses
        if "default" not in template:
            raise RegionHeadsError(
                f"backbone {name_or_path!r}: expected a chat template called default, found {', '.join(template)}; "
                "put the one that asks about pictures into chat_template.jinja"
            )
        template = template["default"]
    return None if template is None else str(template)


def chat_turn(name_or_path: str, tokenizer: PreTrainedTokenizerBase, picture: str) -> Turn:
    """What a model's chat template writes around one picture and one question of a user.

    Args:
        name_or_path: The model.
        tokenizer: Its tokenizer.
        picture: What the family's templates write for a picture.

    Raises:
        RegionHeadsError: The template cannot be used, or does not place one picture ahead of one question.
    """
    template = chat_template(name_or_path, tokenizer)
    if template is None:
        return Turn()
    content = [{"type": "image"}, {"type": "text", "text": _QUESTION}]
    try:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=template,
            tokenize=False,
            add_generation_prompt=True,
        )
    except Exception as error:  # templates are programs
        raise _unfit(name_or_path, picture, first_line(error)) from None
    before, found, rest = str(text).partition(picture)
    between, asked, after = rest.partition(_QUESTION)
    if not (found and asked) or picture in rest or _QUESTION in after:
        raise _unfit(name_or_path, picture, repr(str(text)[:200]))
    return Turn(before, between, after)


def _unfit(name: str, picture: str, found: str) -> RegionHeadsError:
    return RegionHeadsError(
        f"backbone {name!r}: its chat template: expected one that writes {picture} for a picture and then the "
        f"question, found {found}; put the chat_template.jinja of the family's processor beside it"
    )
