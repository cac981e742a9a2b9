"""What an import or an export leaves open: whose form it is, what bare numbers mean, where what is not data goes."""

from enum import StrEnum


class Tool(StrEnum):
    """Whose export it is."""

    LABEL_STUDIO = "label-studio"
    COCO = "coco"
    CVAT = "cvat"
    LLAVA = "llava"
    SPATIALRGPT = "spatialrgpt"
    TABLE = "table"


class Form(StrEnum):
    """As what a model's answers are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    COCO = "coco"


class NamedBoxes(StrEnum):
    """What four bare numbers are: edges, or edges and sides; in pixels, or in parts of the picture."""

    EDGES = "xyxy"
    SIDES = "xywh"
    EDGES_FRACTION = "xyxy-fraction"
    SIDES_FRACTION = "xywh-fraction"
    EDGES_PERCENT = "xyxy-percent"
    SIDES_PERCENT = "xywh-percent"
    EDGES_PERMILLE = "xyxy-permille"
    SIDES_PERMILLE = "xywh-permille"


REFUSED, PAGE = "import/refused.jsonl", "import/questions.html"
