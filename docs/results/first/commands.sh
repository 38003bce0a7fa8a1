#!/usr/bin/env bash
# Everything under docs/results/first/ was made by these commands, in a folder of its own:
#   cargo xtask setup && cargo build --release --features mujoco && mkdir evidence && cd evidence && bash ../docs/results/first/commands.sh
# Results do not depend on --threads.
set -euo pipefail
wr2l=${WR2L:-../target/release/wr2l}
train() { "$wr2l" train "$@" --physics mujoco --threads "${THREADS:-2}" --no-report --quiet; }
# Presets have changed since; these are the settings of that time.
published="--set ppo.gamma=0.99 --set ppo.entropy=0 --set ppo.initial_std=1"
gradient="--set adversary.phase_one.search=gradient --set adversary.phase_one.start=reference --set adversary.phase_one.gradient.sigma=0.1"

# 1. PPO with the published settings, 1 M steps.
for task in hopper walker2d half-cheetah inverted-pendulum; do
    for seed in 1 2 3; do
        train "$task" --algorithm ppo $published --steps 1M --seed "$seed" -o "ppo/$task-$seed"
    done
    # One point; the table's `nominal` row is what counts.
    sweep=torso_density=1000
    case $task in half-cheetah) sweep=torso_density=660 ;; inverted-pendulum) sweep=pole_length=0.6 ;; esac
    "$wr2l" evaluate "ppo/$task-"{1,2,3} --sweep $sweep --stochastic -o "nominal/$task-stochastic"
    "$wr2l" evaluate "ppo/$task-"{1,2,3} --sweep $sweep -o "nominal/$task-deterministic"
done

# 2. Inverted pendulum: PPO and WR²L (pole length varied), swept over 0.3 to 3 m.
for algorithm in ppo wr2l; do
    for seed in 1 2 3; do
        train inverted-pendulum --algorithm $algorithm $gradient --seed "$seed" -o "pendulum/$algorithm-$seed"
    done
done
"$wr2l" evaluate pendulum/{ppo,wr2l}-{1,2,3} --sweep pole_length=0.3:3:28 --episodes 20 -o pendulum/sweep

# 3. Hopper: four ways to choose the dynamics, torso density and friction varied. PPO is that of part 1, and
# once more with γ .995 and entropy .003 like the others, whose presets these are on this task.
for algorithm in ppo-uniform ppo-boundary wr2l; do
    for seed in 1 2 3; do
        train hopper --algorithm $algorithm $gradient --epsilon 0.03 --seed "$seed" --steps 1M -o "hopper/$algorithm-$seed"
    done
done
for seed in 1 2 3; do
    train hopper --algorithm ppo --seed "$seed" --steps 1M \
        --set ppo.gamma=0.995 --set ppo.entropy=0.003 -o "hopper/ppo-$seed"
done
"$wr2l" evaluate hopper/ppo-{1,2,3} \
    --sweep torso_density=500:3000:11 --sweep friction=0.5:3:11 --episodes 5 -o hopper/grid-ppo
"$wr2l" evaluate ppo/hopper-{1,2,3} hopper/{ppo-uniform,ppo-boundary,wr2l}-{1,2,3} \
    --sweep torso_density=500:3000:11 --sweep friction=0.5:3:11 --episodes 5 -o hopper/grid
