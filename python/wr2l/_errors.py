"""What can go wrong, by whose fault it is."""


class Error(Exception):
    """Everything that this package raises of its own."""


class UsageError(Error, ValueError):
    """What was asked for makes no sense: a name, a value, a shape."""


class SimulationError(Error, RuntimeError):
    """The physics or the learning broke down."""


class FileError(Error, OSError):
    """A file or folder could not be read, written or understood."""
