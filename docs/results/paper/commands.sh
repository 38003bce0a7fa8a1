#!/usr/bin/env bash
# Everything under docs/results/paper/ was made by these commands, in the repository's folder. What is done is not done
# again; a call that was stopped goes on where it was. Results do not depend on --threads.
set -euo pipefail
cargo build --release
./target/release/wr2l reproduce -o reproduction
python3 docs/results/paper/publish.py reproduction docs/results/paper
./target/release/wr2l reproduce --redraw docs/results/paper

# mujoco/: nine systems of Figure 1's grids on the other physics, by a build with the feature `mujoco` (cargo xtask setup), for the
# runs of each of these figures in reproduction/runs; publish.py's `table` made the tables small, with the names of
# the methods for those of the runs.
#   wr2l evaluate RUN... --physics mujoco --sweep torso_density=500:3000:3 --sweep friction=0.5:3:3 --episodes 20 (Hopper; Walker2d: 5)
#   wr2l evaluate RUN... --physics mujoco --sweep torso_density=330:2000:3 --sweep friction=0.1:1.5:3 --episodes 5 (HalfCheetah)
