"""Copies what the figures are drawn from, small enough for a repository.

    python3 docs/results/paper/publish.py reproduction docs/results/paper

Numbers are rounded to four significant digits, learning curves thinned to 60 points a run, and policies named by their
seeds. What a row's first columns share with the row above is left out. Where a table has a row for each of hundreds of random systems, their parameters, which `systems_seed` of the
experiment gives again, and all but the mean return are left out; of other tables the mean return and its error are kept.
"""

import csv
import pathlib
import shutil
import sys

MANY = 400  # systems of a policy, from which on their parameters are left out
POINTS = 60  # of a learning curve
BEFORE, AFTER = "system", "return_mean"  # the parameters' columns lie between these
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
    many = len(rows) > MANY * len({row[policy] for row in rows})
    for row in rows:
        row[policy] = row[seed]
        for i, name in enumerate(head):
            left_out = name in DETAILS or (many and name == "return_se")
            row[i] = "" if left_out else row[i] if name in WHOLE else short(row[i])
    system, above = head.index(BEFORE), None
    for row in rows:
        here = row[:system]
        row[:system] = [""] * system if here == above else here
        above = here
    if many:
        first, last = head.index(BEFORE) + 1, head.index(AFTER)
        head, *rows = [row[:first] + row[last:] for row in [head, *rows]]
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
        write(target / "results" / path.name, table(path))
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
