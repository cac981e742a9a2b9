"""Sending a message to a webhook that takes Slack's form, ``{"text": …}``, as Mattermost and others do, too."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request

from region_heads.errors import RegionHeadsError, public

_TRIES = 4
_TIMEOUT = 15.0  # seconds that one try may take


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A message that is led elsewhere, as to a login, would arrive there without its text."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def send(address: str, text: str, *, pause: float = 2.0) -> None:
    """Posts ``text``; a server that is busy or unreachable is asked again.

    Args:
        pause: Seconds before the second try; they double.

    Raises:
        RegionHeadsError: It was not taken. The address is a secret and is not named.
    """
    wrong = RegionHeadsError(
        "the secret region-heads-webhook: expected an address such as https://… in the key url, found none"
    )
    if not re.fullmatch(r"https?://[!-~]+\s*", address):
        raise wrong
    try:
        request = urllib.request.Request(
            address.strip(), json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}, method="POST"
        )
    except ValueError:  # half of an address in brackets
        raise wrong from None
    for remaining in reversed(range(_TRIES)):
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as answer:
                # Slack calls its "ok" HTML, too.
                if not answer.read(200).lstrip().lower().startswith((b"<!doctype", b"<html")):
                    return
                problem = "it answered with a page, as a login does"
                break
        except urllib.error.HTTPError as error:
            problem = f"it answered {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, http.client.HTTPException) as error:
            problem = f"no answer ({public(str(getattr(error, 'reason', '') or type(error).__name__), address)})"
        if remaining:
            time.sleep(pause)
            pause *= 2
    raise RegionHeadsError(f"the webhook did not take the message: {problem}; check the secret region-heads-webhook")
