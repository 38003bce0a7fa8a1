"""Plots of tables with matplotlib, in the colours of the figures that the command line draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._errors import UsageError
from .judging import Table

COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]


def plot(tables: Table | Sequence[Table], ax: Any = None, *, column: str = "return_mean") -> Any:
    """Draws a column over the systems of tables of one sweep, and returns the axes.

    Over one parameter each table is a line, with a band of two standard errors for mean returns; over two parameters
    one table is a map.

    Raises `UsageError` for tables that are not of the same one or two parameters, and `ImportError` without matplotlib.
    """
    import matplotlib.pyplot as plt

    several = [tables] if isinstance(tables, Table) else list(tables)
    if not several:
        raise UsageError("there is no table to draw")
    names = several[0].parameters
    if any(table.parameters != names for table in several):
        raise UsageError("the tables are of different parameters")
    if ax is None:
        ax = plt.figure(layout="constrained").add_subplot()
    if len(names) == 1:
        for table, color in zip(several, COLORS * len(several), strict=False):
            x, y = table[names[0]], table[column]
            order = np.argsort(x)
            ax.plot(x[order], y[order], color=color, label=table.provenance["policy"])
            if column == "return_mean":
                band = 2.0 * table["return_se"]
                ax.fill_between(x[order], (y - band)[order], (y + band)[order], color=color, alpha=0.2, linewidth=0)
        ax.set_xlabel(names[0])
        ax.set_ylabel(column)
        ax.legend(frameon=False)
    elif len(names) == 2 and len(several) == 1:
        _map(several[0], ax, column)
    else:
        raise UsageError("drawn are tables over one parameter, or one table over two")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _map(table: Table, ax: Any, column: str) -> None:
    first, second = table.parameters
    x, y = np.unique(table[first]), np.unique(table[second])
    if len(x) * len(y) != len(table):
        raise UsageError("a map is drawn of a grid of systems")
    values = np.empty((len(y), len(x)))
    values[np.searchsorted(y, table[second]), np.searchsorted(x, table[first])] = table[column]
    mesh = ax.pcolormesh(x, y, values, shading="nearest", cmap="viridis")
    ax.figure.colorbar(mesh, ax=ax, label=column)
    ax.set_xlabel(first)
    ax.set_ylabel(second)
