#!/usr/bin/env bash
# attack.csv was made by these commands, from policies of `wr2l reproduce fig1-hopper fig2-hopper fig1-half-cheetah
# --seeds 5 -o reproduction`. HOPPER_2, HOPPER_11 and CHEETAH_21 are the folders of the policies that the table names by
# method, ball and seed (the folders themselves are named by a key of their plans). With the searches of others, PyPI's
# cma 4.5.0 and optuna 5.0.0:
#   cargo build --release -p wr2l -p wr2l-run --bin wr2l --example attack_study
#   python3 -m venv venv && venv/bin/pip install cma==4.5.0 optuna==5.0.0
#   HOPPER_2="…" HOPPER_11="…" CHEETAH_21="…" bash docs/results/beyond/attack/commands.sh
set -euo pipefail
study=target/release/examples/attack_study
python="venv/bin/python docs/results/beyond/attack/references.py"
searches="surrogate,boundary,phase-one,$python cma-es,$python cma-es-directions"
ball() { # name, task, parameters, epsilon: the ball that such a run trains in
    [ -d "$1" ] || target/release/wr2l train "$2" --vary "$3" --epsilon "$4" --steps 2k --no-report --quiet -o "$1"
}
ball ball-2 hopper torso_density,friction 0.1
ball ball-11 hopper all 0.03
ball ball-21 half-cheetah all 0.3
# shellcheck disable=SC2086 # lists of folders
{
    $study attack.csv ball-2/ball.toml 0.1 500 10..13 100000 "$searches,brute" $HOPPER_2
    $study attack.csv ball-11/ball.toml 0.03 500 10..13 0 "$searches" $HOPPER_11
    $study attack.csv ball-21/ball.toml 0.3 500 10..13 0 "$searches" $CHEETAH_21
    $study attack.csv ball-2/ball.toml 0.1 500 10..11 0 "$python tpe" $HOPPER_2
    $study attack.csv ball-11/ball.toml 0.03 500 10..11 0 "$python tpe" $HOPPER_11
    $study attack.csv ball-21/ball.toml 0.3 500 10..11 0 "$python tpe" $CHEETAH_21
}
