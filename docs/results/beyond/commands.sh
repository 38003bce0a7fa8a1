#!/usr/bin/env bash
# Everything under docs/results/beyond/ was made by these commands, in a folder of its own:
#   cargo build --release && mkdir evidence && cd evidence && bash ../docs/results/beyond/commands.sh
# Results do not depend on --threads. A policy that exists is not trained again.
set -euo pipefail
# Of the grids in controls/, entropy/, radius/, tail/, td3/, hopper.csv and hopper-11.csv no rows per system were kept, and of the figures nothing to draw them from;
# the names of their rows were made to say what was run afterwards, in figures by hand.
wr2l=${WR2L:-../target/release/wr2l}
# The paper's search and a smaller weight of the entropy, which were the defaults then.
gradient="--set adversary.phase_one.search=gradient --set ppo.entropy=0.003"
critic="--set ppo.critic_sees_dynamics=true"
train() { # name, seed, arguments
    [ -e "hopper/$1-$2/policy.safetensors" ] ||
        "$wr2l" train hopper --steps 1M --seed "$2" --threads "${THREADS:-2}" --no-report --quiet -o "hopper/$1-$2" \
            --epsilon 0.03 $gradient "${@:3}"
}
for seed in ${SEEDS:-1 2 3 4 5}; do
    train wr2l $seed --algorithm wr2l
    train wr2l-critic $seed --algorithm wr2l $critic
    train population-critic $seed --algorithm wr2l --set adversary.kind=population $critic
    train boundary $seed --algorithm ppo-boundary
    train boundary-critic $seed --algorithm ppo-boundary $critic
    train uniform $seed --algorithm ppo-uniform
    train uniform-critic $seed --algorithm ppo-uniform $critic
    train population $seed --algorithm wr2l --set adversary.kind=population
done
# The grid of the test: 11 × 11 points, mean actions and drawn ones.
for method in wr2l wr2l-critic population population-critic boundary boundary-critic uniform uniform-critic; do
    for mode in "" --stochastic; do
        "$wr2l" evaluate hopper/$method-[0-9]*/ --sweep torso_density=500:3000:11 --sweep friction=0.5:3:11 \
            --episodes 20 $mode --force -o "grid/$method${mode#-}"
    done
done

# In all that follows, up to choice-tail.csv and hopper-11.csv, `ppo.entropy` is 0.003 where settings do not say otherwise.

# choice.csv: what was chosen by, on other seeds and points. A row a policy: the settings of its first column (ε 0.03 and
# the gradient, where they do not say otherwise), then
# --steps and --seed of the next two; nominal, mean and CVaR₁₀ as `wr2l evaluate` prints them, for mean and drawn actions.
#   wr2l train hopper SETTINGS --steps STEPS --seed SEED --threads 1 --no-report -o RUN
#   wr2l evaluate RUN --sweep torso_density=625:2875:6 --sweep friction=0.625:2.875:6 --episodes 5 [--stochastic]

# choice-half-cheetah.csv: the same on the HalfCheetah, over
#   --sweep torso_density=400:1900:6 --sweep friction=0.2:1.4:6
# choice-half-cheetah-21.csv: in 21 dimensions, mean actions, on --random 200 --half-width 0.4 --seed 7 --episodes 5; choice-hopper-11.csv: the same of
# the Hopper in 11, 3 M steps

# ablation.csv: what the lanes train under; the same commands, over choice.csv's points (Walker2d: the Hopper's), HalfCheetah those of
# choice-half-cheetah.csv.

# learner.csv: what learns by DDPG on the HalfCheetah, mean actions, nominal, mean and CVaR₁₀ over "test" (fig1-half-cheetah's grid) or "choice"
# (choice-half-cheetah.csv's points), 5 episodes a system
#   wr2l train half-cheetah SETTINGS --steps 1M --seed SEED --threads 1 --no-report -o RUN

# choice-td3.csv: the learner TD3, the same commands and points (inverted-pendulum: --sweep pole_length=0.35:2.95:27; --vary all:
# --random 200 --half-width 0.4 --seed 7), mean actions and drawn ones. Trained on ed4956a's tree; the first runs, up to those with half of the lanes at
# the reference, on a state of it before `adversary.uniform_share` and with --set td3.critic_sees_dynamics=true, which was not the default yet
# td3/: statistics and figures of
#   wr2l reproduce docs/results/beyond/td3/td3-half-cheetah.toml docs/results/beyond/td3/td3-half-cheetah-21.toml -o td3
# trained and evaluated on the same tree; one run that `reproduce` trained anew had the same policy, byte for byte. td3-half-cheetah-worst.csv has the lowest
# return of all systems that the searches found, not system 0's as wr2l gives it now: no rows per system are left to make it from

# choice-tail.csv: the adversary `tail`, lanes with random dynamics and actions at random; the same commands and points, mean actions and drawn ones.
# Trained on 89bec2f and states between it and 9237b85, with the options as 9237b85 has them
# tail/: statistics and figure of
#   wr2l reproduce docs/results/beyond/tail/tail-walker2d.toml -o tail
# on 9237b85's tree; statistics are rounded to four digits

# hopper-11.csv: statistics of fig2-hopper (wr2l reproduce) with one more method: algorithm = "wr2l", vary = ["all"],
# "adversary.phase_one.search" = "surrogate", "ball.epsilon" = 0.03

# choice-entropy.csv: the weight of the entropy; the same commands and points, mean actions and drawn ones. What stands in brackets was a state of the code
# that was not kept
# entropy/: statistics and figures of
#   wr2l reproduce docs/results/beyond/entropy/*.toml -o entropy
# trained on 2c24e85's tree;
# statistics are rounded to four digits

# choice-average.csv: the exponential mean of the policy's weights over a share of the run (`averaged`; empty: the last policy), in runs of choice-entropy.csv, mean
# actions; the code was not kept
# controls/: statistics and figures of
#   wr2l reproduce docs/results/beyond/controls/*.toml -o controls
# trained on 59aee38's tree; statistics are rounded to four digits

# choice-radius.csv: the radius of the ball, several worst cases, and what the default million steps bring; the same commands and points, mean actions and drawn ones
# radius/: statistics and figures of
#   wr2l reproduce docs/results/beyond/radius/*.toml -o radius
# both trained on b29b1f4's tree, as controls-half-cheetah-21 and controls-hopper-11 of controls/ were; statistics are rounded to four digits
