#!/usr/bin/env bash
# Everything under docs/results/paper/ was made by these commands, in the repository's folder. What is done is not done
# again; a call that was stopped goes on where it was. Results do not depend on --threads.
set -euo pipefail
cargo build --release
for figure in fig1 fig2 fig3-hopper fig3-cartpole fig4; do
    ./target/release/wr2l reproduce $figure --seeds 5 -o reproduction
done
python3 docs/results/paper/publish.py reproduction docs/results/paper
./target/release/wr2l reproduce --redraw docs/results/paper
