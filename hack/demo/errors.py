"""What can keep the demo from running, said in a sentence a person can act on."""


class DemoError(Exception):
    """The demo itself could not run; the message says what to do."""
