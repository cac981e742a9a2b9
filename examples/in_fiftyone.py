"""A model's answers in FiftyOne, with their regions on the pictures.

pip install fiftyone
region-heads predict --model models/region_heads --records data/sample/test.json --out answers.json --to coco
python examples/in_fiftyone.py answers.json data/sample/test/images --below 0.5
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path, help="what `region-heads predict --to coco` wrote")
    parser.add_argument("pictures", type=Path, help="folder of the pictures")
    parser.add_argument("--below", type=float, default=1.0, help="only answers of a lower confidence, 0 to 1")
    options = parser.parse_args()

    import fiftyone  # heavy, with a database of its own; no dependency of this project
    from fiftyone import ViewField

    dataset = fiftyone.Dataset.from_dir(
        dataset_type=fiftyone.types.COCODetectionDataset, data_path=str(options.pictures),
        labels_path=str(options.answers), label_types="segmentations", label_field="regions",
    )  # fmt: skip
    doubted = dataset.filter_labels("regions", ViewField("confidence") < options.below)
    fiftyone.launch_app(view=doubted).wait()


if __name__ == "__main__":
    main()
