"""Answers single questions that come from outside: checked, routed, and batched by picture.

from region_heads.asking import Asked, ask
from region_heads.prediction import load

(reply,) = ask(load(Path("models/region_heads")), [Asked(question="How far is <mask> from <mask>?", ...)])
"""

from region_heads.asking.answering import Answer, ask, ask_together
from region_heads.asking.checks import Asked, Limits
from region_heads.asking.pictures import Images
from region_heads.asking.refusal import Refusal

__all__ = ["Answer", "Asked", "Images", "Limits", "Refusal", "ask", "ask_together"]
