"""Pages of `docs/`: commands parse, names are those of the manifests, backup and restore are done."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from components.params import sections
from pipelines.task_policy import SECRETS
from region_heads.cli.main import app
from region_heads.params_file import parse_section
from region_heads.training.settings import FinetuneSettings
from tests.manifests.rendered import MANIFESTS, of, pod_templates, render, render_changed, workloads
from tests.manifests.test_overlays import OVERLAYS, amount
from tests.object_store import object_store
from tests.postgres import TrackingServer, address, postgres, programs

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md"]
_SECRETS = {name: set(keys) for name, keys in SECRETS.items()} | {
    "region-heads-postgres": {"POSTGRES_PASSWORD"},
    "region-heads-mlflow-reader": {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"},
    "region-heads-mlflow-forms": {"key"},
}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command on the page, in blocks and in running text, without comments and redirections."""
    text = page.read_text(encoding="utf-8").replace(".venv/bin/", "").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    for line in (*lines, *re.findall(r"`((?:region-heads|kubectl|mlflow) [^`]+)`", text)):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        yield [word for word in words if word not in ("&", "<", ">")]


def all_commands() -> list[tuple[str, list[str]]]:
    return [(page.name, words) for page in PAGES for words in commands(page) if words]


def problem(words: list[str]) -> str | None:
    """Why the command line would refuse these words, None where it takes them; nothing is run."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        name, *rest = rest
        command = command.get_command(typer.Context(command), name)
    try:
        command.make_context(command.name, rest)
    except typer.Exit:
        return None
    except Exception as error:  # the usage errors of typer's own parser
        return str(getattr(error, "message", error))
    return None


def test_every_command_of_ours_is_one_that_there_is() -> None:
    ours = [words[1:] for _, words in all_commands() if words[0] == "region-heads" and words[1:] != ["--help"]]
    assert len(ours) > 10
    assert {" ".join(words): problem(words) for words in ours if problem(words)} == {}


def test_every_setting_of_an_experiment_is_a_parameter() -> None:
    set_here = [
        setting
        for _, words in all_commands()
        for option, setting in pairwise(words)
        if option == "-S" and "dvc" in words
    ]
    assert len(set_here) > 3
    for setting in set_here:
        section, _, key = setting.partition("=")[0].partition(".")
        assert key in sections()[section].model_fields, setting


def test_every_excerpt_of_params_is_one_that_a_run_takes() -> None:
    excerpts = [
        yaml.safe_load(textwrap.dedent(block))
        for page in PAGES
        for block in re.findall(r"\n\n((?:    # params.yaml.*\n)(?:    .*\n)+)", page.read_text(encoding="utf-8"))
    ]
    assert len(excerpts) > 4
    for excerpt in excerpts:
        for section, values in excerpt.items():
            found = parse_section(section, sections()[section], values, source="a page")
            if isinstance(found, FinetuneSettings):
                found.check()


def test_a_wrong_option_would_be_found() -> None:
    assert problem(["pipeline", "schedule", "--every-night"]) == "No such option: --every-night"


def test_what_is_applied_renders_and_what_is_named_is_there() -> None:
    there = {
        (one["kind"].lower(), one["metadata"]["name"]) for overlay in OVERLAYS for one in render(f"overlays/{overlay}")
    }
    kinds = {"svc": "service", "pvc": "persistentvolumeclaim"}
    checked = 0
    for page, words in all_commands():
        if words[0] != "kubectl":
            continue
        if "-k" in words:
            assert (DOCS.parent / words[words.index("-k") + 1] / "kustomization.yaml").is_file(), (page, words)
        namespace = words[words.index("-n") + 1] if "-n" in words else None
        for kind, name in (word.split("/") for word in words if re.fullmatch(r"[a-z]+/[a-z-]+", word)):
            if namespace == "region-heads":
                assert (kinds.get(kind, kind), name) in there, (page, words)
                checked += 1
    assert checked > 10


def test_what_argo_cd_and_flux_apply_is_an_overlay_of_this_repository() -> None:
    text = (DOCS / "gitops.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^(?:    .*)?\n)+", text, re.MULTILINE)]
    documents = [one for block in blocks if "apiVersion" in block for one in yaml.safe_load_all(block)]
    assert [one["kind"] for one in documents] == ["Application", "GitRepository", "Kustomization"]
    application, _, kustomization = documents
    named = [application["spec"]["sources"][0]["path"], kustomization["spec"]["path"]]
    assert all((DOCS.parent / path / "kustomization.yaml").is_file() for path in named)


def test_secrets_have_the_names_and_keys_that_are_read() -> None:
    made: dict[str, set[str]] = {}
    for _, words in all_commands():
        if words[:1] == ["kubectl"] and "generic" in words:
            keys = {word.split("=")[1] for word in words if word.startswith("--from-literal=")}
            made[words[words.index("generic") + 1]] = keys
    token = {"MLFLOW_TRACKING_TOKEN"}  # for a proxy in front of MLflow
    assert made == {name: keys - token for name, keys in _SECRETS.items()}


def test_links_lead_somewhere_and_files_that_are_named_are_there() -> None:
    others = (
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "CODE_OF_CONDUCT.md",
        "manifests/README.md",
        "benchmarks/README.md",
        "container/README.md",
    )
    for page in (*PAGES, *(DOCS.parent / name for name in others)):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.parent / target).exists(), (page.name, target)
        for named in re.findall(
            r"`((?:region_heads|components|pipelines|tests|benchmarks|container|dev)/[\w/.-]+)`", text
        ):
            assert any((folder / named).exists() for folder in (DOCS.parent, page.parent)), (page.name, named)


def test_what_runs_always_costs_what_the_page_says() -> None:
    text = " ".join((DOCS / "day2.md").read_text(encoding="utf-8").split())
    base, laptop = (_requests(folder) for folder in ("base", "overlays/laptop"))
    assert f"Requests of the base are {base[0]:g} CPUs and {base[1]:.1f} GiB" in text
    claim = of(render("components/backup"), "PersistentVolumeClaim", "backup")["spec"]["resources"]["requests"]
    assert (
        f"laptop overlay {laptop[0]:g} CPUs and {laptop[1]:.1f} GiB), and {base[2]} GiB of volumes ({laptop[2]}); "
        f"`backup` adds {amount(claim['storage']) / 2**30}." in text
    )


def _requests(folder: str) -> tuple[float, float, int]:
    """CPUs, GiB of memory and GiB of volumes that the servers ask for."""
    cpus, memory, storage = 0.0, 0.0, 0
    for workload in workloads(render(folder)):
        replicas = workload["spec"].get("replicas", 1)
        for container in workload["spec"]["template"]["spec"]["containers"]:
            cpus += replicas * float(amount(container["resources"]["requests"]["cpu"]))
            memory += replicas * float(amount(container["resources"]["requests"]["memory"]) / 2**30)
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            storage += int(amount(claim["spec"]["resources"]["requests"]["storage"]) / 2**30)
    return round(cpus, 3), memory, storage


@pytest.mark.slow
def test_what_was_saved_is_what_was(tmp_path: Path) -> None:
    """The component's two jobs, and the page's two commands, with the base's MLflow, PostgreSQL and object store."""
    resources = render_changed("single-gpu", tmp_path / "manifests", more=("backup",))
    jobs = dict(pod_templates(resources))
    (stores,) = (one["data"] for one in resources if one["metadata"]["name"].startswith("mlflow-stores"))
    destination = ("--artifacts-destination", stores["MLFLOW_ARTIFACTS_DESTINATION"])
    backups = tmp_path / "backups"
    backups.mkdir()
    with object_store(tmp_path / "store") as store:
        (buckets, *_) = of(resources, "Deployment", "mlflow")["spec"]["template"]["spec"]["initContainers"]
        environment = stores | store
        _run(buckets["command"], environment, backups)
        with postgres(tmp_path / "one") as database:
            server = TrackingServer(database, tmp_path / "one", *destination, environment=environment)
            server.start()
            client = MlflowClient(server.uri)
            run = client.create_run(client.create_experiment("region-heads")).info
            client.log_text(run.run_id, "weights", "model/weights.txt")
            client.create_registered_model("region-heads")
            version = client.create_model_version("region-heads", f"{run.artifact_uri}/model", run.run_id)
            client.set_registered_model_alias("region-heads", "champion", version.version)
            client.set_model_version_tag("region-heads", version.version, "promoted", "better on all tasks")
            by_hand = _database_command("pg_dump", database, b"")
            _job(jobs["CronJob/backup"], environment | address(database), backups)
            server.kill()
        with postgres(tmp_path / "two") as database:
            _database_command("pg_restore", database, by_hand)
            server = TrackingServer(database, tmp_path / "two", *destination, environment=environment)
            server.start()
            try:
                champion = MlflowClient(server.uri).get_model_version_by_alias("region-heads", "champion")
                assert champion.tags == {"promoted": "better on all tasks"}
                # Once more by the component's jobs, after a loss of model and weights.
                MlflowClient(server.uri).delete_registered_model("region-heads")
                get_artifact_repository(f"{server.uri}/api/2.0/mlflow-artifacts/artifacts").delete_artifacts(
                    run.experiment_id
                )
                server.kill()
                _job(jobs["CronJob/restore"], environment | address(database), backups)
                server.start()
                assert MlflowClient(server.uri).get_model_version_by_alias("region-heads", "champion") is not None
                found = download_artifacts(
                    run_id=run.run_id, artifact_path="model/weights.txt", tracking_uri=server.uri
                )
                assert Path(found).read_text() == "weights"
            finally:
                server.kill()


def test_a_dump_that_fails_leaves_the_volume_as_it_was(tmp_path: Path) -> None:
    job = dict(pod_templates(render("components/backup")))["CronJob/backup"]
    (command,) = (container["command"] for container in job["spec"]["initContainers"])
    (tmp_path / "pg_dump").write_text('#!/bin/bash\necho half > "${2#--file=}"\nexit 1\n')
    (tmp_path / "pg_dump").chmod(0o700)
    (tmp_path / "backups" / "2026-11-28-014100").mkdir(parents=True)
    with pytest.raises(subprocess.CalledProcessError):
        _run(command, {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOSTNAME": "pod"}, tmp_path / "backups")
    assert [file.name for file in (tmp_path / "backups").iterdir()] == ["2026-11-28-014100"]


def _job(template: dict[str, Any], environment: dict[str, str], backups: Path) -> None:
    """What a CronJob of the component runs, its containers one after the other, with its volume in ``backups``."""
    for container in [*template["spec"]["initContainers"], *template["spec"]["containers"]]:
        own = {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
        _run(container["command"], environment | {"HOSTNAME": "pod"} | own, backups)


def _run(command: list[str], environment: dict[str, str], backups: Path) -> None:
    places = {
        "/etc/backup": f"{MANIFESTS}/components/backup",
        "/etc/buckets": f"{MANIFESTS}/base/mlflow",
        "/tmp/chosen": f"{backups.parent}/chosen",
        "/backup": str(backups),
    }

    def here(text: str) -> str:
        return re.sub("|".join(places), lambda found: places[found[0]], text)

    path = {"PATH": f"{Path(sys.executable).parent}:{programs()}:{os.environ['PATH']}"}
    given = {name: here(value) if name == "CHOSEN" else value for name, value in environment.items()}
    subprocess.run([here(word) for word in command], env=path | given, check=True)


def _database_command(program: str, database: str, given: bytes) -> bytes:
    """The page's command that runs ``program``, on this database."""
    (words,) = {tuple(words[words.index("--") + 1 :]) for words in commands(DOCS / "day2.md") if program in words}
    assert words[0] == program
    arguments = [word for word in words[1:] if word != "mlflow.dump"]
    port = re.search(r":([0-9]+)/", database)
    tools = programs()
    assert port is not None
    assert tools is not None
    done = subprocess.run(
        [str(tools / program), *arguments], env={"PGHOST": "127.0.0.1", "PGPORT": port[1]}, input=given,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
