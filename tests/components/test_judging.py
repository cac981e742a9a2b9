"""Evaluate, register and promote, twice in a row: what a second run of the line does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.evaluate.step import run as evaluate
from components.promote.step import run as promote
from components.register.step import run as register
from region_heads.evaluation.settings import Params as EvaluateParams
from region_heads.registry.champion import CHALLENGER, CHAMPION, version_of
from region_heads.registry.promotion.settings import Params as PromoteParams
from region_heads.registry.registration.settings import Params as RegisterParams
from region_heads.registry.tracking import connect
from region_heads.settings import DatasetParams, SourceParams, TrackingParams
from tests.components.conftest import RECORDS
from tests.region_heads.files.written_files import validation as validation_report


def test_the_champion_is_judged_again_beside_every_challenger(
    tmp_path: Path,
    untrained_model: Path,
    splits: Path,
    dataset: Path,
    data: DatasetParams,
    tracking: TrackingParams,
) -> None:
    validation = tmp_path / "validation"
    validation.write_text(json.dumps(validation_report(records=RECORDS)))

    def line() -> tuple[dict[str, Any], ...]:
        names = ("predictions", "evaluation", "registration", "promotion")
        predictions, evaluation, registration, promotion = (tmp_path / name for name in names)
        evaluate(
            model=untrained_model,
            splits=splits,
            dataset=dataset,
            predictions=predictions,
            evaluation=evaluation,
            evaluate=EvaluateParams(resamples=200),
            data=data,
            tracking=tracking,
        )
        register(
            model=untrained_model,
            evaluation=evaluation,
            splits=splits,
            registration=registration,
            register=RegisterParams(),
            source=SourceParams(),
            tracking=tracking,
        )
        promote(
            registration=registration,
            evaluation=evaluation,
            validation=validation,
            promotion=promotion,
            verdict=tmp_path / "verdict",
            promote=PromoteParams(
                min_score=0,
                min_accuracy=0,
                min_questions=1,
            ),
            tracking=tracking,
        )
        return tuple(json.loads(path.read_text()) for path in (evaluation, registration, promotion))

    client = connect(tracking)

    evaluation, registration, promotion = line()
    assert evaluation["champion"] is None
    assert registration["version"] == "1"
    assert not promotion["promoted"], "an untrained model is no better than answering without looking"
    assert version_of(client, tracking.model_name, CHAMPION) is None
    challenger = version_of(client, tracking.model_name, CHALLENGER)
    assert challenger is not None
    assert challenger.tags["gate"] == "refused"

    client.set_registered_model_alias(tracking.model_name, CHAMPION, "1")
    evaluation, registration, promotion = line()
    assert evaluation["champion"]["version"] == "1"
    assert evaluation["champion"]["score"] == evaluation["score"], "it is the same model"
    assert evaluation["champion"]["comparison"]["score"]["difference"] == 0.0
    assert registration["version"] == "1", "the same model and figures are no new version"
    assert promotion["promoted"]
    assert promotion["sentence"] == "Version 1 is the champion already; nothing changed."
