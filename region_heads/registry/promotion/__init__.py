"""Whether a version becomes champion, and what was decided before."""
