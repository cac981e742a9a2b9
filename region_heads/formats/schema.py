"""The JSON Schema of records, out of the formats that read them."""

import json

from pydantic.json_schema import models_json_schema

from region_heads.formats.format import formats


def schema_text() -> str:
    """The JSON Schema of one record, as text; what it refuses, ``validate`` refuses, too, but not the other way round.

    Masks, answers and pictures are judged by rules that no schema can say.
    """
    ours = [one for one in formats() if one.__module__.startswith("region_heads.")]
    references, definitions = models_json_schema([(one, "validation") for one in ours])
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A question about regions of a picture",
        "description": "A record of the flat format or of the public one. Written by `make sync`.",
        "anyOf": [references[one, "validation"] for one in ours],
        **definitions,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
