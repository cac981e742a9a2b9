"""The record: the typed tables that lie between the steps, in one place.

Every table is Parquet. A *region* is one mask of the image; ``rle[i]`` belongs to the i-th ``<mask>`` of the
question and is called ``[Region i]`` in freeform answers. Lengths are metres, pixels count from the top left.
"""

import pyarrow as pa

from region_heads.tasks import TASKS, listing

MASK_TOKEN = listing.MASK_TOKEN

RECORD_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # file and record, e.g. "train.json#17"
        pa.field("source_split", pa.string(), nullable=False),  # "train", "val", "test" or ""
        pa.field("image", pa.string(), nullable=False),  # path below the data set's folder
        pa.field("depth", pa.string()),  # likewise; null when there is no depth image
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("field_of_view", pa.float64()),  # degrees across the width; null when nothing is known of the lens
        # What the picture looks like; null where it was not opened. The hash has 256 bits, in hexadecimal digits, of
        # which two pictures that look alike share most; brightness and contrast are of the grey values, 0..1.
        pa.field("image_hash", pa.string()),
        pa.field("brightness", pa.float32()),
        pa.field("contrast", pa.float32()),
        pa.field("question", pa.string(), nullable=False),  # with <mask>, without the <image> prefix
        pa.field("rle", pa.list_(pa.string()), nullable=False),  # COCO compressed counts, size height x width
        pa.field("mask_areas", pa.list_(pa.int32()), nullable=False),  # pixels of each mask
        pa.field("category", pa.string()),  # the data set's own label, as found; null when it has none
        pa.field("answer", pa.string()),  # normalized_answer as JSON text ('"left"', '2.32'); null = unanswered
        pa.field("freeform_answer", pa.string()),
        pa.field("extra", pa.string()),  # what the record holds beside its format's fields, as JSON text
    ]
)
"""What ``validate`` writes: one row per accepted question."""

TAGGED_SCHEMA = pa.schema(
    [
        *RECORD_SCHEMA,
        pa.field("task", pa.string(), nullable=False),
        pa.field("task_source", pa.string(), nullable=False),  # "label" or "model"
        pa.field("task_confidence", pa.float32(), nullable=False),  # 0..1
        *(pa.field(task.target_column, pa.type_for_alias(task.target_dtype)) for task in TASKS),
        # Regions that the freeform answer rests on, in order of mention, with their roles: "answer" for the
        # regions that are measured, compared, chosen or counted, "anchor" for those that helped to find them.
        pa.field("grounding", pa.list_(pa.int32())),
        pa.field("grounding_roles", pa.list_(pa.string())),
    ]
)
"""What ``tag_tasks`` writes: the record, its task, one typed target and its grounding."""

SPLIT_SCHEMA = pa.schema(
    [
        *TAGGED_SCHEMA,
        pa.field("wording", pa.string(), nullable=False),  # the question with every run of masks as one sign
        pa.field("novel_wording", pa.bool_(), nullable=False),  # the training split does not hold this wording
        pa.field("copy", pa.int32(), nullable=False),  # above 0 for a repetition, by which training is balanced
    ]
)
"""What ``split`` writes, once per split."""

PREDICTION_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("truth", pa.string()),  # JSON text, as `answer` above; null when unknown
        pa.field("prediction", pa.string(), nullable=False),  # JSON text in the same form
        pa.field("correct", pa.bool_()),  # official rule; null when the truth is unknown
        pa.field("confidence", pa.float32(), nullable=False),  # 0..1, the head's own
        pa.field("answer_weights", pa.list_(pa.float32()), nullable=False),  # per region: is part of the answer
        pa.field("anchor_weights", pa.list_(pa.float32()), nullable=False),  # per region: helped to find it
    ]
)
"""What a model's predictions look like, one row per question; joins the split tables by ``id``."""
