#!/usr/bin/env bash
# Everything under docs/results/ppo/ was made by these commands, in a folder of its own:
#   cargo xtask setup && cargo build --release --features mujoco && mkdir evidence && cd evidence && bash ../docs/results/ppo/commands.sh
# Results do not depend on --threads. A policy that exists is not trained again.
set -euo pipefail
wr2l=${WR2L:-../target/release/wr2l}
# The published settings on every task; the half-cheetah's preset has had others since.
published="--set ppo.gamma=0.99 --set ppo.entropy=0 --set ppo.initial_std=1"
for task in hopper walker2d half-cheetah inverted-pendulum; do
    for seed in 1 2 3 4 5; do
        run=ppo/$task-$seed
        [ -e "$run/policy.safetensors" ] ||
            "$wr2l" train "$task" --algorithm ppo $published --steps 1M --seed "$seed" --threads "${THREADS:-2}" --no-report --quiet -o "$run"
    done
    # One point; the table's `nominal` row is what counts.
    sweep=torso_density=1000
    case $task in half-cheetah) sweep=torso_density=660 ;; inverted-pendulum) sweep=pole_length=0.6 ;; esac
    for physics in planar mujoco; do
        "$wr2l" evaluate "ppo/$task-"{1,2,3,4,5} --sweep $sweep --physics $physics --stochastic --force -o "nominal/$task-$physics-stochastic"
        "$wr2l" evaluate "ppo/$task-"{1,2,3,4,5} --sweep $sweep --physics $physics --force -o "nominal/$task-$physics-deterministic"
    done
done
