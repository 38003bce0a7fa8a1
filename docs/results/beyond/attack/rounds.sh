#!/usr/bin/env bash
# rounds.csv: searches that look again in a call of its own (BEFORE, `attack_study` of commit 99c209b), and that look again
# and at new points in one call (AFTER, that of later ones), by these commands. TRAINED is the folder of
# `wr2l reproduce fig3-walker2d`, of which the plain PPO with published settings and the gradient's WR²L are taken.
#   BEFORE=… AFTER=… TRAINED=… bash docs/results/beyond/attack/rounds.sh
set -euo pipefail
wr2l=target/release/wr2l
declare -A ball=([hopper]="hopper-2 hopper-11" [walker2d]="walker2d-2 walker2d-20" [half-cheetah]="half-cheetah-2 half-cheetah-21")
for robot in hopper walker2d half-cheetah; do
    $wr2l train $robot --algorithm wr2l --vary torso_density,friction --half-width 1 --steps 2k --no-report --quiet -o $robot-2
    $wr2l train $robot --algorithm wr2l --vary all --half-width 1 --steps 2k --no-report --quiet -o "${ball[$robot]#* }"
done
declare -A runs=([walker2d]="$TRAINED/runs/walker2d-ppo-d6759c7f-s[0-4] $TRAINED/runs/walker2d-wr2l-e19bc6ee-s[0-4]")
for robot in hopper half-cheetah; do
    for seed in 0 1 2 3 4; do
        $wr2l train $robot --algorithm ppo --steps 1M --seed $seed --no-report --quiet -o $robot-ppo-s$seed
        $wr2l train $robot --algorithm ppo-uniform --vary torso_density,friction --half-width 1 --steps 1M --seed $seed \
            --no-report --quiet -o $robot-ppo-uniform-s$seed
    done
    runs[$robot]="$robot-ppo-s? $robot-ppo-uniform-s?"
done
# shellcheck disable=SC2086 # lists of folders
for search in "64 0..10" "500 0..3"; do
    for robot in hopper walker2d half-cheetah; do
        for folder in ${ball[$robot]}; do
            epsilon=$(sed -n '1s/.*= //p' "$folder/ball.toml")
            "$BEFORE" before.csv "$folder/ball.toml" "$epsilon" $search 0 surrogate ${runs[$robot]}
            "$AFTER" after.csv "$folder/ball.toml" "$epsilon" $search 0 surrogate ${runs[$robot]}
        done
    done
done
# rounds.csv has the returns of both tables, rounded.
