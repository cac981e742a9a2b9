"""A sweep with Optuna: which settings of the training answer the validation split best.

    pip install optuna
    python examples/sweep.py data/splits data/sample sweep --trials 8 --epochs 4

The split tables and the pictures are those that `make run` or `region-heads train` left. A sweep that was stopped goes
on when it is repeated. Choose by this table, then train the best with several seeds (docs/data.md) and look at the test
split once: among many trials the best one is partly lucky.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import optuna

from region_heads.files.digests import folder_digest
from region_heads.training.record import read_training
from region_heads.training.saved import split_tables, train
from region_heads.training.settings import FinetuneSettings


def suggested(trial: optuna.Trial, epochs: float) -> FinetuneSettings:
    """The settings of one trial; any name of the section `finetune` in params.yaml may stand here."""
    return FinetuneSettings(
        epochs=epochs,
        learning_rate=trial.suggest_float("learning_rate", 5e-4, 4e-3, log=True),
        head_size=trial.suggest_categorical("head_size", [32, 64, 128]),
        images_per_batch=trial.suggest_categorical("images_per_batch", [4, 8, 16]),
    )


def sweep(splits: Path, dataset: Path, out: Path, *, trials: int, epochs: float, depth_scale: float) -> optuna.Study:
    """Trains until ``out`` holds ``trials`` finished ones; each model is in a folder of its number."""
    out.mkdir(parents=True, exist_ok=True)

    def score(trial: optuna.Trial) -> float:
        settings, folder = suggested(trial, epochs), out / str(trial.number)
        tables, _ = split_tables(splits, settings)
        folder.mkdir()
        train(
            tables, dataset, folder / "model", folder / "curves.csv", settings=settings, depth_scale=depth_scale,
            checkpoints=folder / "checkpoints", splits_digest=folder_digest(splits),
        )  # fmt: skip
        return float(read_training(folder / "model")["val_score"])

    study = optuna.create_study(
        storage=f"sqlite:///{out}/sweep.db", study_name="sweep", load_if_exists=True, direction="maximize",
    )  # fmt: skip
    # Another seed each time, or a sweep that goes on would repeat the trials that it began with.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials), n_startup_trials=4)
    finished = len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE]))
    study.optimize(score, n_trials=max(0, trials - finished))
    return study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("splits", type=Path, help="folder of train.parquet and val.parquet")
    parser.add_argument("dataset", type=Path, help="folder of their pictures")
    parser.add_argument("out", type=Path, help="folder for the models and the sweep's record")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--depth-scale", type=float, default=0.001, help="metres for one unit of a depth image")
    options = parser.parse_args()
    study = sweep(
        options.splits, options.dataset, options.out, trials=options.trials, epochs=options.epochs,
        depth_scale=options.depth_scale,
    )  # fmt: skip
    done = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    for trial in sorted(done, key=lambda trial: -(trial.value or 0)):
        print(f"{trial.value:.3f}  {trial.number}  {trial.params}")


if __name__ == "__main__":
    main()
