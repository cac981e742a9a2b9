"""Marks of pictures and of chats around a question: they belong to a model's prompt, and are no words of a question.

Data, serving, tagging and the playground take them off by this one function, so that a question is read alike.
"""

import re

_PICTURE = (
    r"<image(?:[_ ]?\d+)?>|<im(?:g|age_placeholder|age_soft_token)>|\[IMG(?:_\d+)?\]|<start_of_image>|<end_of_image>"
    r"|<\|image(?:_\d+|_pad)?\|>|<\|vision_(?:start|end)\|>|<fake_token_around_image>|<global-img>|<row_\d+_col_\d+>"
)
_DEPTH = r"<depth(?:_\d+)?>"
_CHAT = (
    r"<\|(?:im_start|im_end|begin_of_text|end_of_text|eot_id|endoftext|end_of_utterance)\|>|<end_of_utterance>"
    r"|\[/?INST\]|</?s>|<bos>|<eos>|<(?:start|end)_of_turn>|<\|start_header_id\|>|<\|end_header_id\|>"
)
_BEGINNING = re.compile(rf"(?:(?:{_PICTURE}|{_DEPTH}|{_CHAT})\s*|\b(?:user|human)\b\s*(?::\s*|\n\s*))+", re.IGNORECASE)
# A role is one behind a colon, or directly behind a mark of the chat.
_END = re.compile(
    rf"(?:\s*(?:{_CHAT})\s*(?:assistant|model)?\b|\s*(?:{_PICTURE}|{_DEPTH}|{_CHAT})|\s+(?:assistant|gpt|model)\s*:)+\s*$",
    re.IGNORECASE,
)
_INSIDE = re.compile(_PICTURE, re.IGNORECASE)
_NO_WORDS = re.compile(rf"\s*(?:{_DEPTH})", re.IGNORECASE)
_OTHER = re.compile(
    # Signs that tokenizers read as one token and no reader as a word; <mask> is a sign of ours in small letters alone.
    r"<\|[^<>|\s]{1,40}\|>|</?(?:s|pad|unk|[be]os|sep|cls|read_out|answer|(?:start|end|begin)_of_\w{1,20})>"
    r"|<(?!(?-i:mask)>)/?mask[\w ]{0,10}>|\[/?(?:INST|PAD|UNK|BOS|EOS|SEP|CLS|MASK)\]"
    r"|</?(?:video|audio|point|box|ref|quad|region|depth|obj)\b[^<>]{0,40}>",
    re.IGNORECASE,
)


def without_markers(question: str) -> str:
    """The question without marks of pictures, depth images and chats; one inside a sentence is "the picture".

    Raises:
        ValueError: A mark is left whose meaning is not known; "expected …, found …".

    Example:
        >>> without_markers("USER: <image>\\nHow far is <mask> from <mask>? ASSISTANT:")
        'How far is <mask> from <mask>?'
        >>> without_markers("In <image>, how far is <mask> <depth> from <mask> <depth>?")
        'In the picture, how far is <mask> from <mask>?'
    """
    text = _NO_WORDS.sub("", question)
    found = _BEGINNING.match(text.lstrip())
    text = text.lstrip()[found.end() :] if found else text
    text = _END.sub("", text)
    text = _INSIDE.sub("the picture", text).strip()
    other = _OTHER.search(text)
    if other:
        raise ValueError(f"expected words and <mask> alone, found the mark {other[0]!r}")
    return text
