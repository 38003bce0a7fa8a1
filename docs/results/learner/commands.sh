#!/usr/bin/env bash
# shape.csv, beside this file: the shape of PPO's update by the steps of a run. Made by these commands, in a folder of its own:
#   cargo build --release && mkdir evidence && cd evidence && bash ../docs/results/learner/commands.sh
# Results do not depend on --threads. No published table has these seeds, nor the systems of seed 777. CPU seconds are those of one
# thread on a machine that had other work, and vary by a third.
set -euo pipefail
# shape-wr2l.csv: the same of WR²L, over other points than the tables' grid
#   wr2l train hopper --algorithm wr2l --set ppo.minibatches=MINIBATCHES --steps STEPS --seed SEED --threads 1 --no-report -o RUN
#   wr2l evaluate RUN --sweep torso_density=600:2900:8 --sweep friction=0.6:2.9:8 --episodes 2 --seed 55
wr2l=${WR2L:-../target/release/wr2l}
one() { # task, steps, seed, settings
    run="shape/$(echo "$*" | tr ' =' '-_')"
    [ -e "$run/summary.json" ] ||
        "$wr2l" train "$1" --algorithm ppo-uniform --vary all --set adversary.region.shape=box --set adversary.region.half_width=0.5 \
            --steps "$2" --seed "$3" --threads 1 --no-report --quiet $(printf -- '--set ppo.%s ' "${@:4}") -o "$run"
    "$wr2l" evaluate "$run" --random 200 --systems-seed 777 --half-width 0.5 --episodes 2 --seed 55 --json --force
}
tail -n +2 "$(dirname "$0")/shape.csv" | while IFS=, read -r task steps seed lanes horizon epochs minibatches kl_limit _; do
    one "$task" "$steps" "$seed" "lanes=$lanes" "horizon=$horizon" "epochs=$epochs" "minibatches=$minibatches" "kl_limit=$kl_limit"
done
