"""``region-heads pipeline``: the training line on Kubeflow, or on this machine as Kubeflow would run it."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from pipelines.endpoint import ADDRESS, TOKEN, TOKEN_PATH, Endpoint
from pipelines.names import PipelineName, RunnerName
from region_heads.errors import RegionHeadsError

app = typer.Typer(rich_markup_mode="markdown")  # what help says of the group stands in region_heads/cli/pipeline.py

Params = Annotated[Path, typer.Option("--params", help="The settings of the line.", show_default=True)]
Host = Annotated[
    str | None,
    typer.Option("--host", help="Kubeflow Pipelines server, such as http://localhost:8888.", envvar=ADDRESS),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        help="Profile namespace, where the server has several users; in a pod its own.", envvar="KFP_NAMESPACE"
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help=f"Bearer token of a login; in a pod its account's. A token itself: {TOKEN}.", envvar=TOKEN_PATH),
]
CookieFile = Annotated[
    Path | None,
    typer.Option(
        help="Cookies of a login in a browser: name=value, or a cookie jar of curl.", envvar="KFP_COOKIE_FILE"
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        help="Certificates that are trusted instead of the public ones.",
        envvar=["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"],
    ),
]
Proxy = Annotated[
    str | None, typer.Option(help="Proxy to the server; without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.")
]
Experiment = Annotated[str, typer.Option(help="Kubeflow experiment; created when it is new.")]
ServiceAccount = Annotated[
    str | None, typer.Option(help="Account that the tasks run under; without it the server's own choice.")
]
Pipeline = Annotated[
    PipelineName, typer.Option(help="training; or retraining, which first asks whether there is new data.")
]

_PARAMS = Path("params.yaml")


@app.command("compile")
def compile_(
    out: Annotated[Path, typer.Option("--out", help="Where the YAML goes.")] = Path("pipeline.yaml"),
    params: Params = _PARAMS,
    pipeline: Pipeline = PipelineName.TRAINING,
    resources: Annotated[
        bool, typer.Option("--resources", help="As resources of Kubernetes, Pipeline and PipelineVersion.")
    ] = False,
    namespace: Annotated[
        str | None, typer.Option(help="Namespace written into the resources; with --resources only.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit code 1 where --out differs from what would be compiled."),
    ] = False,
) -> None:
    """Compile a pipeline to YAML, with the values of params.yaml as its defaults.

    The tasks run in the image named by REGION_HEADS_IMAGE; for a cluster give it by digest.

    Example: `REGION_HEADS_IMAGE=registry/region-heads@sha256:… region-heads pipeline compile`

    Example: `region-heads pipeline compile --resources --out training.yaml --check`
    """
    from pipelines.compile import compile_resources, compile_text, write_compiled
    from pipelines.stale import check_drift

    if namespace and not resources:
        raise RegionHeadsError("--namespace: expected --resources beside it; plain YAML belongs to no namespace")
    text = compile_resources(params, pipeline, namespace=namespace) if resources else compile_text(params, pipeline)
    if check:
        check_drift(text, out)
        typer.echo(f"{out}: is what {params} and the code make")
        return
    write_compiled(text, out)
    then = "apply it" if resources else "upload it, or `region-heads pipeline submit`"
    typer.echo(f"{out}: compiled from {params}; {then}")


@app.command()
def run(
    params: Params = _PARAMS,
    out: Annotated[Path, typer.Option("--out", help="Folder that takes a subfolder for each run.")] = Path(
        "local_outputs"
    ),
    pipeline: Pipeline = PipelineName.TRAINING,
    runner: Annotated[RunnerName, typer.Option(help="Each task a process, or a container of the image.")] = (
        RunnerName.SUBPROCESS
    ),
) -> None:
    """Run a pipeline on this machine, each task in its own process or container, without a cluster.

    Every output is checked to be there, whatever status a task reports.

    Example: `region-heads pipeline run --params params.yaml`
    """
    from pipelines.local_containers import container_store
    from pipelines.run_local import run_local
    from pipelines.summary import print_summary

    outputs = {(output.task, output.port): output.path for output in run_local(params, out, pipeline, runner)}
    for (task, port), path in outputs.items():
        typer.echo(f"{task + '.' + port:<24} {path}")
    typer.echo()
    if ("promote", "promotion") not in outputs:
        return  # nothing new to train on; the tasks have said so
    # Kubeflow's files have no ending, and a browser shows a page without one as text.
    page = out / "report.html"
    shutil.copyfile(outputs["visualize", "report"], page)
    print_summary(
        evaluation=outputs["evaluate", "evaluation"],
        promotion=outputs["promote", "promotion"],
        report=page,
        params=params,
        store=container_store(out) if runner == RunnerName.DOCKER else None,
    )


@app.command()
def submit(
    host: Host = None,
    params: Params = _PARAMS,
    experiment: Experiment = "region-heads",
    pipeline: Pipeline = PipelineName.TRAINING,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    service_account: ServiceAccount = None,
    namespace: Namespace = None,
    token_file: TokenFile = None,
    cookie_file: CookieFile = None,
    ca: Ca = None,
    proxy: Proxy = None,
) -> None:
    """Start one run on a Kubeflow Pipelines server.

    The tasks run in the image named by REGION_HEADS_IMAGE, those that run the model in REGION_HEADS_GPU_IMAGE where it
    is set; the server must be able to pull it.

    Example: `region-heads pipeline submit --host http://localhost:8888`

    Example: `region-heads pipeline submit --host https://kubeflow.example/pipeline --namespace team-a --token-file t`
    """
    from pipelines.submit import submit as submit_run

    run_id = submit_run(
        params,
        at=Endpoint(host, namespace, token_file, cookie_file, ca, proxy),
        experiment=experiment,
        pipeline=pipeline,
        name=name,
        service_account=service_account,
    )
    typer.echo(f"run {run_id} started")


@app.command()
def schedule(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name of a recurring run; there is one of each name.")] = None,
    cron: Annotated[
        str | None, typer.Option(help='Six fields, seconds first, UTC: "0 0 3 * * *" is three every night.')
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Create it, or leave it, switched off.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Remove it; its past runs stay.")] = False,
    file: Annotated[Path | None, typer.Option("--file", help="All schedules, instead of one by name.")] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete those that this command made and that the file no longer names.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    host: Host = None,
    params: Params = _PARAMS,
    experiment: Experiment = "region-heads",
    pipeline: Pipeline = PipelineName.RETRAINING,
    service_account: ServiceAccount = None,
    namespace: Namespace = None,
    token_file: TokenFile = None,
    cookie_file: CookieFile = None,
    ca: Ca = None,
    proxy: Proxy = None,
) -> None:
    """Create, update, pause or delete recurring runs: NAME with --cron or --delete, or --file for all of them.

    The tasks run in the image named by REGION_HEADS_IMAGE, as with `submit`; another image is another schedule.
    Times are UTC, unless Kubeflow's controller of schedules has CRON_SCHEDULE_TIMEZONE in its environment.

    A file is a list of schedules: name, cron, and where they differ from these defaults pipeline (retraining), params
    (params.yaml, beside the file), experiment (region-heads), service_account, paused (false).

    Example: `region-heads pipeline schedule --file schedules.yaml --prune --host http://localhost:8888`

    Example: `region-heads pipeline schedule nightly --cron "0 0 3 * * *" --host http://localhost:8888`
    """
    from pipelines.schedules.reconcile import reconcile, unschedule
    from pipelines.schedules.wanted import Schedule, read_schedules

    at = Endpoint(host, namespace, token_file, cookie_file, ca, proxy)
    if (name is None) == (file is None):
        raise RegionHeadsError("expected a name or --file FILE, found " + ("neither" if file is None else "both"))
    if file is not None:
        described = ("cron", "paused", "delete", "params", "experiment", "pipeline", "service_account")
        given = [one for one in described if getattr(context.get_parameter_source(one), "name", "") == "COMMANDLINE"]
        if given:
            options = ", ".join(f"--{one.replace('_', '-')}" for one in given)
            raise RegionHeadsError(f"--file: expected what each schedule is in the file, found {options} beside it")
        changes = reconcile(read_schedules(file), at=at, prune=prune, dry_run=dry_run)
    elif prune:
        raise RegionHeadsError("--prune: expected --file FILE beside it, which says what stays")
    elif delete:
        if cron or paused or dry_run:
            raise RegionHeadsError("--delete: expected no --cron, --paused or --dry-run beside it")
        changes = {str(name): unschedule(str(name), at=at)}
    elif cron is None or len(cron.split()) != 6:
        raise RegionHeadsError(f'--cron: expected six fields, such as "0 0 3 * * *", found {cron!r}')
    else:
        wanted = Schedule(
            name=str(name),
            cron=cron,
            pipeline=pipeline,
            params=params,
            experiment=experiment,
            service_account=service_account,
            paused=paused,
        )
        changes = dict(reconcile([wanted], at=at, dry_run=dry_run))
    for scheduled, change in changes.items():
        typer.echo(f"{scheduled}: {'would be ' if dry_run and change != 'unchanged' else ''}{change}")
