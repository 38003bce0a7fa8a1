"""Which interpreters the native half is made for."""

import sysconfig


def check() -> None:
    """Refuses the free-threaded builds of Python.

    They load no library of the stable interface (abi3), which this one is. One that was built for them by force would
    meet threads that nothing here was tested with.
    """
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ImportError(
            "wr2l needs Python with its global interpreter lock: this is a free-threaded build, whose name ends with "
            "`t`; install wr2l into an environment of the usual one"
        )
