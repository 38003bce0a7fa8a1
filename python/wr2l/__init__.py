"""Control policies that survive dynamics they were not trained on.

Environments (`make_vec`, `Env`), judging (`evaluate`, `worst_case`) and training (`train`, `Session`).
`docs/python.md` has an example of each.
"""

from importlib.util import find_spec as _find_spec

from ._errors import Error, FileError, SimulationError, UsageError
from ._native import physics_of, tasks
from .judging import Certificate, Table, certify, evaluate, worst_case
from .networks import Network
from .own import Simulator, from_gymnasium
from .parameters import Parameter, parameters
from .policies import Player, Policy
from .training import Run, Session, train

__all__ = [
    "Certificate",
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
    "Table",
    "UsageError",
    "certify",
    "evaluate",
    "from_gymnasium",
    "parameters",
    "physics_of",
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
