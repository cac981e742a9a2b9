"""Names for a step's ports: whether it reads or writes them, and what Kubeflow's pages take them for."""

from pathlib import Path
from typing import Annotated

InputPath = Annotated[Path, "input", "Artifact"]
"""A file that the step reads and never changes."""
InputData = Annotated[Path, "input", "Dataset"]
InputModel = Annotated[Path, "input", "Model"]

OutputPath = Annotated[Path, "output", "Artifact"]
"""A file or folder that the step writes, whole or not at all (see ``region_heads.files.output``)."""
OutputData = Annotated[Path, "output", "Dataset"]
OutputModel = Annotated[Path, "output", "Model"]
OutputPage = Annotated[Path, "output", "HTML"]
OutputText = Annotated[Path, "output", "Markdown"]
OutputSection = Annotated[Path, "output", "section"]
"""A section of ``params.yaml`` that later tasks take instead of the pipeline's own."""
