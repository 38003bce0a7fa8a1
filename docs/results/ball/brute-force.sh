#!/bin/sh
# The table `brute-force.csv`: the Hopper's default H₀ beside the plain mean over a million pairs, for eight seeds of the ball.
# From the root, with a built wr2l and jq; ten minutes:
#   sh docs/results/ball/brute-force.sh > docs/results/ball/brute-force.csv
set -e
wr2l=${WR2L:-wr2l}
plain="--set ball.pairs.most_steps=6500000 --set ball.pairs.target_error=1e-9 --set ball.pairs.largest_share=1"
echo estimate,seed,pairs,parameter,half_width,error
for seed in 0 1 2 3 4 5 6 7; do
    for estimate in default plain; do
        options=
        [ $estimate = plain ] && options=$plain
        "$wr2l" ball hopper --epsilon 0.03 --set ball.seed=$seed $options --json | jq -r --arg head "$estimate,$seed" '
            . as $ball | .parameters | to_entries[] |
            [$head, $ball.samples, .value.name, (2 * $ball.epsilon / $ball.hessian[.key][.key] | sqrt), .value.measured.error]
            | map(tostring) | join(",")'
    done
done
