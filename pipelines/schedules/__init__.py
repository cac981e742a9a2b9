"""Schedules as code: ``wanted`` says what recurring runs there are to be, ``reconcile`` makes a server have them."""
