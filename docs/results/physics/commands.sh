#!/usr/bin/env bash
# Everything under docs/results/physics/ was made by these commands, in the folder where docs/results/ppo/commands.sh had run:
# 20 dynamics drawn at random (5 values of one parameter × 4 of another), 50 episodes each with drawn actions, on both physics.
set -euo pipefail
wr2l=${WR2L:-../target/release/wr2l}
both() { # task, sweeps
    for physics in planar mujoco; do
        "$wr2l" evaluate "ppo/$1-1" "${@:2}" --episodes 50 --stochastic --physics $physics --force -o "physics/$1-$physics"
    done
}
both hopper --sweep torso_density=612,887,1173,1391,1798 --sweep friction=1.13,1.71,2.29,2.86
both walker2d --sweep torso_density=612,887,1173,1391,1798 --sweep friction=1.13,1.71,2.29,2.86
both half-cheetah --sweep torso_density=404,586,774,918,1187 --sweep friction=0.23,0.34,0.46,0.57
both inverted-pendulum --sweep pole_length=0.37,0.48,0.59,0.72,0.91 --sweep hinge_damping=0.31,0.77,1.04,1.43
