#!/bin/sh
# The table of this folder: balls over eight seeds of their own and eight of the run. From the root, with a built wr2l and jq:
#   sh docs/results/ball/commands.sh > docs/results/ball/seeds.csv
set -e
wr2l=${WR2L:-wr2l}
echo task,epsilon,varied_seed,seed,parameter,low,high,error,measured_low,measured_high
for case in "hopper 0.03" "half-cheetah 10"; do
    set -- $case
    for key in ball.seed seed; do
        for seed in 0 1 2 3 4 5 6 7; do
            "$wr2l" ball "$1" --epsilon "$2" --set $key=$seed --json | jq -r --arg head "$1,$2,$key,$seed" \
                '.parameters[] | [$head, .name, .alone[0], .alone[1], .measured.error, .measured.range[0], .measured.range[1]]
                 | map(tostring) | join(",")'
        done
    done
done
