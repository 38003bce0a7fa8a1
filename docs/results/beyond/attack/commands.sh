#!/usr/bin/env bash
# attack.csv was made by these commands, from policies of `wr2l reproduce fig1-hopper fig2-hopper fig1-half-cheetah
# --seeds 5 -o reproduction`. In a folder of its own, with the searches of others (PyPI's cma 4.5.0 and optuna 5.0.0):
#   python3 -m venv venv && venv/bin/pip install cma==4.5.0 optuna==5.0.0
#   bash ../docs/results/beyond/attack/commands.sh ../reproduction/runs
# The table names policies by method and seed; the runs' folders are named by a key of their plans.
set -euo pipefail
runs=$1
here=$(dirname "$0")
study=${STUDY:-../target/release/examples/attack_study} # cargo build --release -p wr2l-run --example attack_study
wr2l=${WR2L:-../target/release/wr2l}
python="venv/bin/python $here/references.py"
searches="surrogate,boundary,phase-one,$python cma-es,$python cma-es-directions"
ball() { # name, task, parameters, epsilon: the ball that such a run trains in
    [ -d "$1" ] || "$wr2l" train "$2" --vary "$3" --epsilon "$4" --steps 2k --no-report --quiet -o "$1"
}
ball ball-2 hopper torso_density,friction 0.1
ball ball-11 hopper all 0.03
ball ball-21 half-cheetah all 0.3
"$study" attack-2.csv ball-2/ball.toml 0.1 500 10..13 100000 "$searches,brute" "$runs"/hopper-*-s[01]
"$study" attack-11.csv ball-11/ball.toml 0.03 500 10..13 0 "$searches" "$runs"/hopper-*-s[23]
"$study" attack-21.csv ball-21/ball.toml 0.3 500 10..13 0 "$searches" "$runs"/half-cheetah-*-s[012]
for dimensions in "2 0.1 hopper" "11 0.03 hopper" "21 0.3 half-cheetah"; do
    read -r d epsilon task <<<"$dimensions"
    "$study" "attack-$d.csv" "ball-$d/ball.toml" "$epsilon" 500 10..11 0 "$python tpe" "$runs/$task"-*-s[0123]
done
