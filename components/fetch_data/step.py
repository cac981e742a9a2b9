"""The step ``fetch_data``: a revision of the data set, out of DVC's remote."""

from components.data_source import open_revision
from components.ports import OutputData
from region_heads.files.output import whole_folder
from region_heads.settings import DatasetParams, SourceParams


def run(*, dataset: OutputData, data: DatasetParams, source: SourceParams) -> dict[str, float]:
    """Fetches ``data.path`` as it is in a revision of the repository.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        Files and megabytes.
    """
    with open_revision(source, data.path) as revision, whole_folder(dataset) as folder:
        revision.fetch(folder)
        sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
        print(f"{data.path} of commit {revision.commit[:12]}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
    return {"files": float(len(sizes)), "megabytes": sum(sizes) / 1e6}
