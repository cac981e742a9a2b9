"""The one error that a user may see: what was expected, what was found, and what to do."""


class RegionHeadsError(Exception):
    """A problem of the input or the setting, told in words; the command line shows it without a traceback.

    The message names the file, the record and the field where there are such, what was expected and
    found, and what to do about it.
    """
