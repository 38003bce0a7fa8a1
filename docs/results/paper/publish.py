"""Copies what the figures are drawn from, small enough for a repository.

    python3 docs/results/paper/publish.py reproduction docs/results/paper

Numbers are rounded to four significant digits, learning curves thinned to 60 points a run, and policies named by their
seeds. What a row's first columns share with the row above is left out, and of the returns all but mean and error. A table
with a row for each of hundreds of random systems is not kept.
"""

import csv
import pathlib
import shutil
import sys

MANY = 400  # systems of a policy, from which on a table is not kept
POINTS = 60  # of a learning curve
SYSTEM = "system"  # the column before the parameters
DETAILS = ["return_sd", "return_min", "return_max", "length_mean", "forward_mean"]
WHOLE = ["policy_steps", "simulator_steps"]  # of which no digit goes


def short(cell):
    try:
        return f"{float(cell):.4g}" if "." in cell else cell
    except ValueError:
        return cell


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def table(path):
    head, *rows = csv.reader(open(path))
    policy, seed = head.index("policy"), head.index("training_seed")
    if len(rows) > MANY * len({row[policy] for row in rows}):
        return None
    for row in rows:
        row[policy] = row[seed]
        for i, name in enumerate(head):
            row[i] = "" if name in DETAILS else row[i] if name in WHOLE else short(row[i])
    system, above = head.index(SYSTEM), None
    for row in rows:
        here = row[:system]
        row[:system] = [""] * system if here == above else here
        above = here
    return [head, *rows]


def rounded(path):
    return [[short(cell) for cell in row] for row in csv.reader(open(path))]


def curves(path):
    rows = list(csv.reader(open(path)))
    runs = {}
    for row in rows[1:]:
        runs.setdefault((row[0], row[1]), []).append(row)
    thin = []
    for run in runs.values():
        every = -(-len(run) // POINTS)
        thin += [[short(cell) for cell in row] for row in run[every - 1 :: every]]
    return [rows[0]] + thin


def main(source, target):
    source, target = pathlib.Path(source), pathlib.Path(target)
    for path in sorted((source / "results").glob("*.csv")):
        if small := table(path):
            write(target / "results" / path.name, small)
    for path in sorted((source / "statistics").glob("*.csv")):
        write(target / "statistics" / path.name, rounded(path))
    for path in sorted((source / "curves").glob("*.csv")):
        write(target / "curves" / path.name, curves(path))
    for path in sorted((source / "adversary").glob("*.csv")):
        write(target / "adversary" / path.name, rounded(path))
    for path in sorted((source / "results").glob("*.outline")):
        shutil.copy(path, target / "results" / path.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
