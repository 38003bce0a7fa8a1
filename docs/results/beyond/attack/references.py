"""Searches of others, which ask for returns on standard output and read them from standard input.

    python references.py NAME DIM BUDGET SEED

Each line on standard output is a batch of points, one after another, in standard deviations of the ball; the answer is a
line of their returns. A NAME that ends in -directions has its points taken for directions in which the ball ends.
"""

import sys
import warnings

import numpy as np


def ask(points):
    print(" ".join(repr(float(v)) for x in points for v in x), flush=True)
    return [float(v) for v in sys.stdin.readline().split()]


def cma_es(dim, budget, seed):
    """CMA-ES (cma), from the reference with a step of one standard deviation; anew from random points once it stops."""
    import cma

    spent, restart = 0, 0
    rng = np.random.default_rng(seed)
    while spent < budget:
        start = np.zeros(dim) if restart == 0 else rng.normal(size=dim)
        options = {"verbose": -9, "seed": 1 + seed * 100 + restart, "maxfevals": budget}
        search = cma.CMAEvolutionStrategy(start, 1.0, options)
        while not search.stop() and spent < budget:
            points = search.ask()[: budget - spent]
            values = ask(points)
            spent += len(points)
            if len(points) < search.popsize:
                return
            search.tell(points, values)
        restart += 1


def tpe(dim, budget, seed):
    """Bayesian optimisation with tree-structured Parzen estimators (optuna), over four standard deviations."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=budget // 5)
    study = optuna.create_study(sampler=sampler)
    for _ in range(budget):
        trial = study.ask()
        x = [trial.suggest_float(f"x{i}", -4.0, 4.0) for i in range(dim)]
        study.tell(trial, ask([x])[0])


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    name, dim, budget, seed = sys.argv[1], *map(int, sys.argv[2:5])
    {"cma-es": cma_es, "tpe": tpe}[name.removesuffix("-directions")](dim, budget, seed)
