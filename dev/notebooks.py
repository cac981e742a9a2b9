"""Runs notebooks and writes what they show into them: ``python dev/notebooks.py examples/own_model.ipynb …``.

A notebook's cells run in its folder, in a namespace of their own, as a kernel of Jupyter would run them; none need be
installed. Outputs are what is printed and the value of a cell's last line, as text, HTML or PNG.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any


def shown(source: str, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs a cell; its outputs in the form of a notebook."""
    body = ast.parse(source).body
    last = body[-1] if body and isinstance(body[-1], ast.Expr) else None
    body = body[:-1] if last else body
    with redirect_stdout(StringIO()) as printed:
        exec(compile(ast.Module(body, []), "cell", "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace) if last else None
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue().splitlines(True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(True)}
        if html := getattr(value, "_repr_html_", lambda: None)():
            data["text/html"] = html.splitlines(True)
        if png := getattr(value, "_repr_png_", lambda: None)():
            data = {"text/plain": ["a picture"], "image/png": [base64.b64encode(png).decode()]}
        outputs.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None})
    return outputs


def run(path: Path) -> None:
    """Runs the notebook from its first cell to its last, and writes it with its outputs."""
    notebook, path = json.loads(path.read_text(encoding="utf-8")), path.absolute()
    os.chdir(path.parent)
    sys.path.insert(0, "")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = shown("".join(cell["source"]), namespace)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        run(Path(sys.argv[1]))
    for name in sys.argv[1:] if len(sys.argv) > 2 else []:  # each in a process of its own, as each has its kernel
        subprocess.run([sys.executable, __file__, name], check=True)
