"""Commands of this program as they can be typed here: its path where the shell does not know it, words quoted."""

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "region-heads"


def command(*words: object) -> str:
    """The command ``region-heads`` with these words.

    Example:
        >>> command("train", "my photos").partition(" ")[2]
        "train 'my photos'"
    """
    called = Path(sys.argv[0])
    program = sys.argv[0] if called.name == _NAME and shutil.which(_NAME) is None else _NAME
    return shlex.join([program, *map(str, words)])
