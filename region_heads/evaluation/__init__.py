"""Judging: the official rule, measures, intervals, trivial baselines, slices and comparisons.

``region_heads.tasks`` refers to functions of this package, so nothing is imported here; see ``scoring`` for
files of answers, ``summary`` for a whole evaluation and ``comparison`` for champion against challenger.
"""
