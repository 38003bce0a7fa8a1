"""Control policies that survive dynamics they were not trained on.

Environments (`make_vec`, `Env`), judging (`evaluate`, `worst_case`), training (`train`, `Session`, `resume`), figures and
pages (`figure`, `report`), and studies (`sweep`).
`docs/python.md` has an example of each.
"""

from importlib.util import find_spec as _find_spec

from ._interpreter import check as _check

_check()

from . import onnx
from ._errors import Error, FileError, SimulationError, UsageError
from .figures import figure, report
from .judging import Certificate, Table, certify, evaluate, worst_case
from .networks import Network
from .own import Simulator, from_gymnasium
from .parameters import Parameter, parameters, physics_of, tasks
from .policies import Player, Policy
from .sweeps import Collected, Columns, Entry, Standing, Sweep, sweep
from .training import Run, Session, resume, train

__all__ = [
    "Certificate",
    "Collected",
    "Columns",
    "Entry",
    "Error",
    "FileError",
    "Network",
    "Parameter",
    "Player",
    "Policy",
    "Run",
    "Session",
    "SimulationError",
    "Simulator",
    "Standing",
    "Sweep",
    "Table",
    "UsageError",
    "certify",
    "evaluate",
    "figure",
    "from_gymnasium",
    "onnx",
    "parameters",
    "physics_of",
    "report",
    "resume",
    "sweep",
    "tasks",
    "train",
    "worst_case",
]

if _find_spec("gymnasium") is not None:
    from .envs import Env, VectorEnv, make, make_vec, register as _register

    __all__ += ["Env", "VectorEnv", "make", "make_vec"]
    _register()
else:

    def __getattr__(name: str) -> object:
        if name in ("Env", "VectorEnv", "make", "make_vec"):
            raise ImportError(f"wr2l.{name} needs Gymnasium: pip install gymnasium")
        raise AttributeError(f"module 'wr2l' has no attribute {name!r}")
