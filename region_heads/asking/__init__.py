"""Answers single questions that come from outside: checked, routed, and batched by picture.

from region_heads.asking import RegionQuestion, ask
from region_heads.prediction import load

(reply,) = ask(load(Path("models/region_heads")), [RegionQuestion(question="How far is <mask> from <mask>?", ...)])
"""

from region_heads.asking.answering import Answer, ask, ask_together
from region_heads.asking.checks import Limits, RegionQuestion
from region_heads.asking.pictures import Images
from region_heads.asking.refusal import Refusal

__all__ = ["Answer", "Images", "Limits", "Refusal", "RegionQuestion", "ask", "ask_together"]
