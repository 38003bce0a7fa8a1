#!/bin/sh
# The table `epopt.csv`: EPOpt beside uniform sampling in the same batches, at every task's default budget, seed 0.
# From the root, with a built wr2l:
#   sh docs/results/rivals/epopt.sh > docs/results/rivals/epopt.csv
# `selects_from` is the first batch whose policy loss differs: from there on EPOpt learns from the share `fraction` of its
# episodes. `weights` are digests of the policies' numbers.
set -e
wr2l=${WR2L:-wr2l}
runs=${RUNS:-$(mktemp -d)}
# Of the numbers alone, without the header that names the run.
weights() {
    header=$(od -An -t u8 -N 8 "$1/policy.safetensors" | tr -d ' ')
    tail -c +$((9 + header)) "$1/policy.safetensors" | sha256sum | cut -c1-16
}
echo task,steps,batches,selects_from,fraction,weights_epopt,weights_uniform
for task in cartpole inverted-pendulum hopper walker2d half-cheetah; do
    episodes=100
    [ $task = half-cheetah ] && episodes=20
    epopt=$runs/$task-epopt
    uniform=$runs/$task-uniform
    for run in "$epopt --algorithm epopt" "$uniform --algorithm ppo-uniform --set ppo.episodes=$episodes"; do
        [ -e "${run%% *}" ] || "$wr2l" train $task --seed 0 --no-report --quiet -o $run >&2
    done
    paste -d, "$epopt/metrics.csv" "$uniform/metrics.csv" | awk -F, -v task=$task -v a="$(weights "$epopt")" -v b="$(weights "$uniform")" \
        -v fraction="$(sed -n 's/^fraction = //p' "$epopt/plan.toml")" '
        NR == 1 {
            half = 0
            for (i = 1; i <= NF; i++) if ($i == "iteration" && i > 1 && !half) half = i - 1
            for (i = 1; i <= half; i++) { if ($i == "policy_loss") loss = i; if ($i == "steps") steps = i }
            next
        }
        $1 != "" {
            if (!from && $loss != $(loss + half)) from = $1
            last = $steps
            batches = $1
        }
        END { printf "%s,%d,%d,%d,%s,%s,%s\n", task, last, batches, from, fraction, a, b }'
done
