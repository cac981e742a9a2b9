"""Makes the pages that Great Expectations writes private, and readable where there is no network."""

import re
from pathlib import Path

_LOGO = re.compile(r"https://great-expectations-web-assets\.s3[^\"'\s)]*")
_ADVERT = re.compile(r"<footer>.*?greatexpectations\.io/newsletter.*?</footer>", re.DOTALL)

_STYLE = """<style>
body { font-family: "Liberation Sans", Arial, sans-serif; margin: 0 auto; padding: 0 1.5rem; line-height: 1.45; }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; }
td, th { border: 1px solid #ccc; padding: .35rem .6rem; vertical-align: top; text-align: left; }
.badge { border-radius: 3px; padding: .1rem .4rem; background: #eee; }
nav { height: auto !important; }
.modal, .tab-content .btn { display: none; }
.fa-check-circle::before { content: "\\2713"; color: #19806a; }
.fa-times::before { content: "\\2717"; color: #c2410c; }
.fa-exclamation-triangle::before { content: "!"; color: #a06a00; font-weight: bold; }
</style>
"""
"""Stands before the pages' own styles, which come over the network and override it."""


def tidy(folder: Path) -> None:
    """Takes out what reports a visit to its maker's server, and adds what the pages lack without a network.

    The logo becomes the copy in the folder. The index, which a script from the network would fill, is empty without it;
    :mod:`region_heads.report.validation` takes its place.
    """
    for page in sorted(folder.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        up = "../" * (len(page.relative_to(folder).parts) - 1)
        text = _ADVERT.sub("", _LOGO.sub(f"{up}static/images/logo-long.png", text))
        text = text.replace("<head>", f"<head>\n{_STYLE}", 1)
        page.write_text(text, encoding="utf-8")
