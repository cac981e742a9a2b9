"""Training: a backbone with region heads, from split tables to a saved model."""

import logging

# peft imports bitsandbytes where it is installed, and that tells everybody of a faster kernel which it does not find.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
