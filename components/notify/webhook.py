"""Sending a message to a webhook that takes Slack's form, ``{"text": …}``, as Mattermost and others do, too."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from region_heads.errors import RegionHeadsError

_TRIES = 4
_TIMEOUT = 15.0  # seconds that one try may take


def send(address: str, text: str, *, pause: float = 2.0) -> None:
    """Posts ``text``; a server that is busy or away is asked again.

    Args:
        pause: Seconds before the second try; they double.

    Raises:
        RegionHeadsError: It was not taken. The address is a secret and is not named.
    """
    try:
        request = urllib.request.Request(
            address, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}, method="POST"
        )
    except ValueError:
        raise RegionHeadsError(
            "the secret region-heads-webhook: expected an address such as https://… in the key url, found none"
        ) from None
    for remaining in reversed(range(_TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT):
                return
        except urllib.error.HTTPError as error:
            problem = f"it answered {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                break
        except OSError as error:
            problem = f"no answer ({getattr(error, 'reason', error)})"
        if remaining:
            time.sleep(pause)
            pause *= 2
    raise RegionHeadsError(f"the webhook did not take the message: {problem}; check the secret region-heads-webhook")
