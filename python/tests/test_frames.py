"""Results in pandas and matplotlib, where these are installed."""

import numpy as np
import pytest

import wr2l


@pytest.fixture(scope="module")
def line(hopper: wr2l.Policy) -> wr2l.Table:
    return wr2l.evaluate(hopper, sweep={"friction": [1.0, 2.0, 3.0]}, episodes=3)


@pytest.fixture(scope="module")
def grid(hopper: wr2l.Policy) -> wr2l.Table:
    return wr2l.evaluate(hopper, sweep={"friction": [1.0, 2.0], "torso_density": [500, 1000, 2000]}, episodes=2)


def test_tables_and_histories_are_frames_of_their_columns(grid: wr2l.Table) -> None:
    pytest.importorskip("pandas")
    frame = grid.to_pandas()
    assert list(frame.columns) == [*grid.parameters, *grid.columns] and len(frame) == 6
    np.testing.assert_array_equal(frame["return_mean"], grid["return_mean"])
    assert frame.groupby("friction")["return_mean"].mean().index.tolist() == [1.0, 2.0]
    run = wr2l.train("cartpole", algorithm="ppo", steps=2000, seed=1)
    assert run.to_pandas()["steps"].is_monotonic_increasing


def test_a_line_and_a_map_show_the_values_of_the_table(line: wr2l.Table, grid: wr2l.Table) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from wr2l.plots import plot

    ax = plot([line, line])
    assert line.plot(ax) is ax and len(ax.lines) == 3
    assert ax.get_xlabel() == "friction"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), line["return_mean"])
    map_ = plot(grid)
    (mesh,) = map_.collections
    values = np.asarray(mesh.get_array()).reshape(3, 2)
    np.testing.assert_array_equal(values.T.ravel(), grid["return_mean"])
    for wrong in ([], [line, grid], [grid, grid]):
        with pytest.raises(wr2l.UsageError):
            plot(wrong)
