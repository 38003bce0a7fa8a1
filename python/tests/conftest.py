"""What the tests share: policies, trained once, and that Ctrl-C is heard."""

import pathlib
import signal

import pytest

import wr2l

# A shell starts what runs in its background deaf to Ctrl-C, and so would be every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A run of WR²L on the cart-pole, in a folder."""
    folder = tmp_path_factory.mktemp("runs") / "cartpole"
    wr2l.train(
        "cartpole",
        vary=["pole_half_length"],
        epsilon=1e-4,
        steps=6000,
        seed=3,
        threads=2,
        out=folder,
        ball={"pairs": {"count": 200, "pool": 1000}},
    )
    return folder


@pytest.fixture(scope="session")
def hopper() -> wr2l.Policy:
    """A policy for the hopper that knows little."""
    return wr2l.train("hopper", algorithm="ppo", steps=4096, seed=1, threads=2).policy


@pytest.fixture(scope="session")
def bounded() -> wr2l.Policy:
    """A policy whose last layer goes through tanh."""
    return wr2l.train("hopper", algorithm="td3", steps=1500, seed=1, threads=2).policy
