"""The step ``notify``: reports to people how a run ended; it runs whatever happened before."""

import os

from components.notify.ending import Ending, ending
from components.notify.settings import Params
from components.notify.webhook import send
from components.pipeline_run import WEBHOOK, record_end
from components.ports import OutputText
from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_file
from region_heads.registry.lease import let_go_of_run
from region_heads.registry.tracking import PIPELINE_RUN, connect, in_words
from region_heads.settings import TrackingParams


def run(*, status: str, page: OutputText, notify: Params, tracking: TrackingParams) -> dict[str, float]:
    """Reports how the run ended, closes its run in MLflow, and lets the next retraining begin.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        1 where a message was sent, else 0.
    """
    run = os.environ.get(PIPELINE_RUN, "")
    trouble = ""
    try:
        ended = ending(status, tracking)
        client = connect(tracking)
        with in_words(client):
            let_go_of_run(client, tracking.model_name, run)
        record_end(tracking, status="FAILED" if ended.failed else "FINISHED")
    except RegionHeadsError as error:  # a failure's report must not fail by it
        ended = Ending('"SUCCEEDED"' not in status, "MLflow did not say more.")
        trouble = f"\n{error}"
    text = message(ended, run=run, link=notify.link) + trouble
    print(text)
    with whole_file(page) as partial:
        partial.write_text(f"{text}\n", encoding="utf-8")
    address = os.environ.get(WEBHOOK)
    if not address:
        print(f"not sent: {WEBHOOK} is not set (secret region-heads-webhook)")
        return {"sent": 0.0}
    if notify.when == "problems" and not ended.failed and not trouble:
        return {"sent": 0.0}
    send(address, text)
    return {"sent": 1.0}


def message(ended: Ending, *, run: str, link: str) -> str:
    """What people read: what happened, where, and the link."""
    where = f" in {ended.step}" if ended.step else ""
    head = f"Region Heads: the run failed{where}." if ended.failed else "Region Heads: the run ended."
    more = f"\n{link.replace('{run}', run)}" if link else f"\nRun {run}"
    return f"{head}\n{ended.sentence}{more}"
