//! The command line as typed: names, help, and nothing else. What it means is decided in `commands`.

mod again;
mod certify;
mod film;
mod names;
mod own;
mod reproduce;
mod sweep;
#[cfg(test)]
mod tests;
mod video;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use wr2l::eval::parse_number;
use wr2l::run::{Keep, parse_count};

pub(crate) use again::AgainArgs;
pub(crate) use certify::CertifyArgs;
pub(crate) use film::FilmArgs;
pub(crate) use own::{CheckArgs, InspectArgs};
pub(crate) use reproduce::ReproduceArgs;
pub(crate) use sweep::{SweepAction, SweepArgs, SweepCollectArgs, SweepStatusArgs};
pub(crate) use video::VideoArgs;

/// Control policies that survive dynamics they were not trained on.
///
/// Trains a policy against the worst dynamics in a Wasserstein ball around the reference simulator (Wasserstein
/// Robust Reinforcement Learning), and shows what robustness that bought.
#[derive(Debug, Parser)]
#[command(
    name = "wr2l",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Start with:  wr2l train hopper\n\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted,\n\
                  75 interrupted and to be called again (--requeue)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tasks(TasksArgs),
    Inspect(InspectArgs),
    Check(CheckArgs),
    Ball(BallArgs),
    Train(TrainArgs),
    Resume(ResumeArgs),
    Evaluate(EvaluateArgs),
    Certify(CertifyArgs),
    Film(FilmArgs),
    Video(VideoArgs),
    Report(ReportArgs),
    Reproduce(ReproduceArgs),
    Sweep(SweepArgs),
    Simulate(SimulateArgs),
    Bench(BenchArgs),
    Completions(CompletionsArgs),
}

/// List the tasks, or a task's parameters with unit, nominal value and bounds.
#[derive(Debug, Args)]
#[command(after_help = "Example:  wr2l tasks hopper")]
pub(crate) struct TasksArgs {
    /// The task whose parameters to list: its name, or its file (TOML).
    #[arg(value_parser = names::task())]
    pub(crate) task: Option<String>,
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what a radius ε of the Wasserstein ball means for each parameter.
///
/// Estimates H₀, the curvature of the Wasserstein distance at the reference dynamics, and prints its spectrum
/// and the range that ε gives each parameter alone and jointly.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l ball hopper --epsilon 0.03\n           \
                        wr2l ball hopper --vary torso_density,friction --half-width 0.3 -o ball.svg")]
pub(crate) struct BallArgs {
    /// The task: its name, or its file (TOML).
    #[arg(value_parser = names::task())]
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    /// Threads to use; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Draw the ball into this SVG file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `ball` and `train` have in common: the settings of an experiment.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// Parameters to vary: names or patterns (`*_density`), or `all`; on a robot of one's own also elements and their range,
    /// `mass@body:base=scale:0.7..1.5`.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) vary: Option<Vec<String>>,
    /// Radius of the Wasserstein ball.
    #[arg(long, value_name = "E", value_parser = number, allow_negative_numbers = true, conflicts_with = "half_width")]
    pub(crate) epsilon: Option<f64>,
    /// Choose the radius by its effect: how far the middle parameter may move alone (of two, their mean), relative to its nominal value
    /// (0.3 is 30 %).
    #[arg(long, value_name = "R", value_parser = number, allow_negative_numbers = true)]
    pub(crate) half_width: Option<f64>,
    /// Seed of everything random.
    #[arg(long, value_name = "S", value_parser = count)]
    pub(crate) seed: Option<u64>,
    /// An experiment file (TOML); flags and --set override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Any setting of the plan, by its key in plan.toml, e.g. `ppo.learning_rate=1e-4`. Repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The physics to simulate with.
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
}

/// What `train` and `resume` have in common: nothing that influences the result.
#[derive(Debug, Args)]
pub(crate) struct TrainingArgs {
    /// Threads to use; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Seconds between two checkpoints; 0 for one after every iteration [default: 30, or more where writing them is
    /// slow].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) checkpoint_every: Option<f64>,
    /// Which checkpoints stay: so many of the newest, `all`, or `5+powers` for those after 1, 2, 4, 8, … iterations, too
    /// [default: 3, and 1 once the run has ended].
    #[arg(long, value_name = "N")]
    pub(crate) keep_checkpoints: Option<Keep>,
    #[command(flatten)]
    pub(crate) again: AgainArgs,
    /// Train only: no evaluation and no figures at the end.
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Print nothing but errors and warnings.
    #[arg(long, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print one JSON object per iteration, and a final summary.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Train a policy.
///
/// Settings come from the algorithm's and task's defaults, then the experiment file, then flags, then --set;
/// the outcome is written to the run folder as plan.toml, from which `--plan` repeats the run exactly.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l train hopper\n           \
                        wr2l train hopper --algorithm ppo --steps 1M --seed 1 -o runs/plain\n           \
                        wr2l train hopper --learner trpo --adversary wasserstein\n           \
                        wr2l train walker2d --vary torso_density,friction --half-width 0.3\n           \
                        wr2l train hopper --from runs/plain -o runs/robust  # a plain policy, made robust\n           \
                        wr2l train --plan runs/plain/plan.toml -o runs/again\n           \
                        wr2l train hopper --resume --requeue -o runs/a     # for a scheduler")]
pub(crate) struct TrainArgs {
    /// The task: its name, or its file (TOML); may come from the experiment file instead.
    #[arg(value_parser = names::task(), required_unless_present = "plan")]
    pub(crate) task: Option<String>,
    /// wr2l-population (several worst cases at once), wr2l (one), wr2l-paper, ppo, ppo-uniform, ppo-boundary, trpo, ddpg,
    /// td3, epopt, rarl, pr-mdp, nr-mdp, or by their authors' numbers rarl-authors, pr-mdp-authors or nr-mdp-authors
    /// [default: wr2l-population].
    #[arg(long, value_name = "NAME")]
    pub(crate) algorithm: Option<String>,
    /// Another learner than the algorithm's.
    #[arg(long, value_name = "NAME", value_parser = names::learner())]
    pub(crate) learner: Option<String>,
    /// Another adversary than the algorithm's.
    #[arg(long, value_name = "NAME", value_parser = names::adversary())]
    pub(crate) adversary: Option<String>,
    /// Algorithm 1 as the paper prints it, with nothing of ours that the paper fixes: short for `--algorithm wr2l-paper`.
    #[arg(long, conflicts_with_all = ["algorithm", "learner", "adversary"])]
    pub(crate) paper: bool,
    /// Policy steps to train for, e.g. 2M.
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) steps: Option<u64>,
    /// Begin with the policy of a run folder, a checkpoint or a policy's file, instead of one that chance makes. The run
    /// keeps a copy of it.
    #[arg(long, value_name = "RUN")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    /// The run folder [default: a new one under runs/].
    #[arg(short, long, value_name = "RUN")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing run.
    #[arg(long)]
    pub(crate) force: bool,
    /// Start the run, go on with it, or say that it is finished, whatever is in the folder given by -o: the same command
    /// may be called again and again. Refused if the folder holds a run of another plan.
    #[arg(long, requires = "output", conflicts_with = "force")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

/// Go on with a run that was stopped, killed or lost its machine: the result is, bit for bit, that of a run that never
/// stopped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l resume runs/hopper-wr2l-population-s0\n           \
                        wr2l resume runs/hopper-wr2l-population-s0 --steps 2M               # more steps than it was planned for\n           \
                        wr2l resume runs/hopper-wr2l-population-s0 --accept-changed-plan   # after editing its plan.toml")]
pub(crate) struct ResumeArgs {
    /// The run folder.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Go on although plan.toml is no longer the plan that the run was stopped with.
    #[arg(long)]
    pub(crate) accept_changed_plan: bool,
    /// Train on to this many policy steps in all, e.g. 2M, also a run that has come to its end. The learning rate goes on
    /// where it is, and moves to that of a run of so many steps.
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) steps: Option<u64>,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

/// Evaluate policies over grids of dynamics, random systems, or the worst system that a search finds.
///
/// Writes a table (CSV) and a figure (SVG) for each: a curve over one swept parameter, a heat map over two, histograms
/// over more and over random systems. Several runs are compared on the same systems and drawn on one scale. Interrupted,
/// it goes on where it was when called again.
///
/// Columns: task, physics; method and policy (which of the method's); algorithm, training_seed, epsilon (radius of its
/// ball), policy_steps, simulator_steps; seed and stochastic of the evaluation; systems (how they were chosen), system
/// (number, or `nominal`); one per swept parameter with its physical value; return_mean, return_sd, return_se,
/// return_min, return_max; length_mean; forward_mean (m); still (episodes that stood still); episodes, diverged.
/// Empty where there is no value. docs/evaluation.md defines them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:  wr2l evaluate runs/hopper-wr2l-population-s0 --sweep torso_density=500:3000:11\n           \
                        wr2l evaluate runs/a runs/b --sweep torso_density=500:3000:11 --sweep friction=0.5:3:11 -o compare\n           \
                        wr2l evaluate runs/a runs/b --random 1000 -o compare\n           \
                        wr2l evaluate runs/a --worst-case --within ball"
)]
pub(crate) struct EvaluateArgs {
    /// Run folders or policy files.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Of each run folder take the policy that did best in training (docs/runs.md says by what), not the last one;
    /// policies from files stay as they are.
    #[arg(long)]
    pub(crate) best: bool,
    /// A parameter, its range and the number of points, `name=low:high:n`, or its values, `name=1,2,5`. Repeat it for a
    /// grid. Without --sweep, --random and --worst-case, the parameters of the task that are usually varied.
    #[arg(long, value_name = "P=LO:HI:N")]
    pub(crate) sweep: Vec<String>,
    /// Evaluate on this many random systems.
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) random: Option<u64>,
    /// Search the worst system for each policy, and evaluate on it.
    #[arg(long)]
    pub(crate) worst_case: bool,
    /// Where random systems and the worst case lie: `box` around the nominal values, all of the `range` of each parameter,
    /// the `ball` of a run, or the `shell` around that ball, out to twice its size (random systems only) [default: box; on
    /// robots of one's own, range].
    #[arg(long, value_name = "REGION", value_enum)]
    pub(crate) within: Option<Within>,
    /// Half-width of the box, relative to the nominal values [default: 0.5].
    #[arg(long, value_name = "R", value_parser = number)]
    pub(crate) half_width: Option<f64>,
    /// Parameters that vary in the box or range: names or patterns, on a robot of one's own also elements and their range,
    /// `mass@body:base=scale:0.7..1.5` [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) vary: Option<Vec<String>>,
    /// The run whose ball it is [default: the first RUN that was trained in one].
    #[arg(long, value_name = "RUN")]
    pub(crate) ball: Option<PathBuf>,
    /// Seed of the random systems, the same for every run [default: 0].
    #[arg(long, value_name = "S", value_parser = count)]
    pub(crate) systems_seed: Option<u64>,
    /// Episodes that the search for the worst case may spend on each policy [default: 10k].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) budget: Option<u64>,
    /// How it is searched: by a `surrogate` of the return that learns from every episode, or along the `gradient` from
    /// several starts, as training does [default: surrogate].
    #[arg(long, value_name = "HOW", value_enum)]
    pub(crate) search: Option<SearchHow>,
    /// Episodes per system.
    #[arg(long, value_name = "N", value_parser = episodes, default_value = "20")]
    pub(crate) episodes: u32,
    /// Draw actions from the policy instead of taking its mean.
    #[arg(long)]
    pub(crate) stochastic: bool,
    /// Seed of the initial states, the same at every system and for every run.
    #[arg(long, value_name = "S", value_parser = count, default_value = "0")]
    pub(crate) seed: u64,
    /// Where to put tables and figures [default: the run's own results/ and figures/].
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace existing tables and figures.
    #[arg(long)]
    pub(crate) force: bool,
    /// Make what is missing and keep what is there: the same command may be called again and again. Refused if a table is
    /// there that is of other policies or options, or was made without --resume.
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) again: AgainArgs,
    /// The physics to simulate with [default: the one the policy was trained on].
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// Threads to use; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Print one JSON object per table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the worst case is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SearchHow {
    Surrogate,
    Gradient,
}

/// Where systems are drawn from or searched in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Within {
    Box,
    Range,
    Ball,
    Shell,
}

/// Make one HTML page of runs and their evaluations.
///
/// The page needs nothing but itself: summary, figures to read values from, what the adversaries chose, and a replay of
/// the robot under some of the evaluated dynamics. It shows the tables in the runs' own folders, and those in the
/// folders named by --results.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l report runs/hopper-wr2l-population-s0 -o report.html\n           \
                        wr2l report runs/a runs/b --results compare -o report.html")]
pub(crate) struct ReportArgs {
    /// Run folders or policy files.
    #[arg(value_name = "RUN", required_unless_present = "results")]
    pub(crate) runs: Vec<PathBuf>,
    /// A folder of tables that `wr2l evaluate -o` wrote. Repeatable.
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Vec<PathBuf>,
    /// Heading of the page.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) title: String,
    /// The physics of the replay [default: the one each policy was trained on].
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// The page.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Write an open-loop trajectory at full precision, to check the physics against another simulator.
///
/// The columns are step (from 1), qpos_0…, qvel_0…, obs_0…, reward, terminated, truncated (0 or 1): one row
/// after each action, numbers with the fewest digits that identify the 64-bit value.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l simulate hopper --seed 3 -o trajectory.csv\n           \
                        wr2l simulate hopper --phi torso_density=1500,friction=1 --initial-state s.csv --actions a.csv -o t.csv")]
pub(crate) struct SimulateArgs {
    /// The task: its name, or its file (TOML).
    #[arg(value_parser = names::task())]
    pub(crate) task: String,
    /// Dynamics in physical units: name=value,name=value. The rest stays at the reference.
    #[arg(long, value_name = "NAME=VALUE,…", default_value = "", hide_default_value = true)]
    pub(crate) phi: String,
    /// A header-less CSV file of one line: qpos, then qvel [default: a random initial state of the task].
    #[arg(long, value_name = "FILE")]
    pub(crate) initial_state: Option<PathBuf>,
    /// A header-less CSV file with one line of action per step [default: uniform random actions].
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: Option<PathBuf>,
    /// Steps [default: one per action given, else the task's time limit].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) steps: Option<u64>,
    /// Write the initial state, as --initial-state reads it.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_initial_state: Option<PathBuf>,
    /// Write the actions, as --actions reads them.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_actions: Option<PathBuf>,
    /// Seed of the random initial state and actions.
    #[arg(long, value_name = "S", value_parser = count, default_value = "0")]
    pub(crate) seed: u64,
    /// Go on after the episode has ended.
    #[arg(long)]
    pub(crate) ignore_termination: bool,
    /// The physics to simulate with.
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// The CSV file to write; - for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Measure how fast this machine simulates, acts and learns.
///
/// Prints medians over rounds that alternate between all that is measured. `cargo xtask bench-peers` measures the
/// same beside Gymnasium, EnvPool, PyTorch and Stable-Baselines3.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l bench\n           \
                        wr2l bench rollout/hopper update --repeats 9")]
pub(crate) struct BenchArgs {
    /// Only what has one of these in its name.
    #[arg(value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Rounds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), default_value = "5")]
    pub(crate) repeats: u32,
    /// Seconds per measurement and round.
    #[arg(long, value_name = "S", value_parser = sample_seconds, default_value = "0.15")]
    pub(crate) seconds: f64,
    /// Threads to use at most.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Print the names of what would be measured.
    #[arg(long)]
    pub(crate) list: bool,
    /// Print one JSON object per line: the machine, then every measurement.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:  wr2l completions bash > ~/.local/share/bash-completion/completions/wr2l")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

fn count(text: &str) -> Result<u64, String> {
    parse_count(text).map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<f64, String> {
    parse_number(text).map_err(|error| error.to_string())
}

fn episodes(text: &str) -> Result<u32, String> {
    match parse_count(text) {
        Ok(n @ 1..=1_000_000) => Ok(n as u32),
        _ => Err(format!("`{text}`: expected a number of episodes from 1 to 1,000,000")),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match parse_number(text) {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(value),
        _ => Err(format!("`{text}`: expected seconds, 0 or more")),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match parse_count(text) {
        Ok(n @ 1..=1024) => Ok(n as usize),
        _ => Err(format!("`{text}`: expected a number of threads from 1 to 1024")),
    }
}

fn sample_seconds(text: &str) -> Result<f64, String> {
    match parse_number(text) {
        Ok(seconds) if seconds > 0.0 && seconds <= 60.0 => Ok(seconds),
        _ => Err(format!("`{text}`: expected a number of seconds above 0 and up to 60")),
    }
}
