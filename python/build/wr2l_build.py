"""Builds the package: maturin, which is given MuJoCo's library to link and to put into the wheel.

The library is the one that `cargo xtask setup` fetches, or that of the folder MUJOCO_DYNAMIC_LINK_DIR. Where there is
neither, the wheel of MuJoCo is asked for as a requirement of the build, and the library taken from it.
"""

import contextlib
import importlib.util
import os
import pathlib
import shutil
import sys
import sysconfig

import maturin
from maturin import build_sdist, get_requires_for_build_sdist, prepare_metadata_for_build_wheel  # noqa: F401

VERSION = "3.17.0"
NAME, LINKED = (
    (f"libmujoco.{VERSION}.dylib", "libmujoco.dylib")
    if sys.platform == "darwin"
    else (f"libmujoco.so.{VERSION}", "libmujoco.so")
)
FOLDER = "MUJOCO_DYNAMIC_LINK_DIR"
ROOT = pathlib.Path(__file__).resolve().parents[2]
OWN = ROOT / "target" / "cargo-xtask-setup" / "mujoco"


if sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit("wr2l needs Python with its global interpreter lock: this is a free-threaded build, whose name ends with `t`")


def get_requires_for_build_wheel(config_settings=None):
    needed = maturin.get_requires_for_build_wheel(config_settings)
    return needed if _folder() else [*needed, f"mujoco=={VERSION}"]


def get_requires_for_build_editable(config_settings=None):
    return get_requires_for_build_wheel(config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with _library(own="--profile dev" in str(config_settings)):
        return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with _library(own=True, keep=True):
        return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def _folder():
    """The folder of the library, if it is there."""
    users = os.environ.get(FOLDER)
    folder = pathlib.Path(users) if users else OWN
    return folder if (folder / NAME).is_file() and (folder / LINKED).exists() else None


def _fetch():
    """Takes the library out of the installed wheel of MuJoCo."""
    found = importlib.util.find_spec("mujoco")
    library = pathlib.Path(found.origin).parent / NAME if found and found.origin else None
    if library is None or not library.is_file():
        sys.exit(
            f"MuJoCo {VERSION} is not there: run `cargo xtask setup`, or set {FOLDER} to the folder of its library"
        )
    OWN.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(library, OWN / NAME)
    with contextlib.suppress(FileExistsError):
        (OWN / LINKED).symlink_to(NAME)
    return OWN


@contextlib.contextmanager
def _library(own=False, keep=False):
    """The library in the package while the wheel is built, and cargo told where it is.

    A wheel for this machine alone (`own`) is made of what other builds here have left.
    """
    folder = _folder() or _fetch()
    os.environ[FOLDER] = str(folder)
    if not own:
        os.environ["WR2L_BUNDLED"] = "1"
    bundled = ROOT / "python" / "wr2l" / NAME
    shutil.copyfile(folder / NAME, bundled)
    try:
        yield
    finally:
        if not keep:
            bundled.unlink()
