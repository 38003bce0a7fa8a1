//! How low a return different searches find in a ball within a budget of episodes, beside a brute-force minimum
//! (`docs/beyond-the-paper.md`).
//!
//! ```text
//! attack_study TABLE.csv BALL.toml EPSILON BUDGET REPEATS BRUTE SEARCHES RUN…
//! ```
//!
//! - TABLE.csv: gets a row per policy, search and repeat.
//! - BALL.toml, EPSILON: the set, as a run that trains in it writes it, with another radius.
//! - BUDGET: episodes of a search. REPEATS: the repeats' numbers, as `0..5`. BRUTE: points of the brute force.
//! - SEARCHES, separated by commas: `surrogate`, `boundary` (the best of so many random points), `phase-one` (several starts),
//!   `brute`, or `PYTHON SCRIPT NAME` (see `docs/results/beyond/attack/references.py`).
//!
//! Policies act by their means. All searches but `phase-one` and `brute` end with a comparison of their 16 lowest points, which
//! is part of the budget: 30 % of it, and 20 % for those in Python. What they find is judged on a hundred fresh episodes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use wr2l_eval::{Search, SearchKind};
use wr2l_rl::{Executor, Threads};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::attack::{self, SurrogateSearch};
use wr2l_robust::ball::Ball;
use wr2l_robust::{Objective, RobustError, SimulatedReturn};
use wr2l_run::{BallSummary, Contestant};

type Failure = Box<dyn std::error::Error>;

/// Random numbers of the judge, which no search sees.
const JUDGE: u64 = 987_654_321;

/// J of single episodes, counted.
struct Returns<'a> {
    executor: &'a mut dyn Executor,
    actor: &'a wr2l_rl::Actor,
    seed: u64,
    spent: usize,
}

impl Objective for Returns<'_> {
    fn dim(&self) -> usize {
        self.executor.space().dim()
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        self.spent += points.len() / self.dim();
        SimulatedReturn::new(self.executor, self.actor, 1, 1.0, self.seed, 0)
            .with_stochastic(false)
            .evaluate(points, draw)
    }
}

/// The mean of many fresh episodes at z.
fn judge(executor: &mut dyn Executor, actor: &wr2l_rl::Actor, z: &[f64]) -> Result<f64, Failure> {
    Ok(SimulatedReturn::new(executor, actor, 100, 1.0, JUDGE, 1).with_stochastic(false).evaluate(z, 0)?[0])
}

/// Standard deviation of each coordinate over the ball.
fn spread(ball: &Ball) -> Result<Vec<f64>, Failure> {
    let inside = ball.uniform()?;
    let mut spread = vec![0.0; ball.dim()];
    for k in 0..256 {
        let z = inside.sample(&mut StreamKey::new(1, Purpose::Test).episode(k).stream());
        spread.iter_mut().zip(z).for_each(|(s, z)| *s += z * z / 256.0);
    }
    Ok(spread.into_iter().map(f64::sqrt).collect())
}

/// The lowest of many points, in three rounds: one episode each; the thousand lowest 4 more; the hundred lowest of these 20.
fn brute(
    executor: &mut dyn Executor,
    actor: &wr2l_rl::Actor,
    ball: &Ball,
    count: usize,
) -> Result<Vec<f64>, Failure> {
    let inside = ball.uniform()?;
    let mut points: Vec<Vec<f64>> = Vec::with_capacity(count);
    for k in 0..count as u64 {
        let mut stream = StreamKey::new(2, Purpose::Test).episode(k).stream();
        points.push(if k % 2 == 0 { ball.boundary(&mut stream)? } else { inside.sample(&mut stream) });
    }
    for (keep, episodes) in [(1000, 1), (100, 4), (1, 20)] {
        let mut values = Vec::with_capacity(points.len());
        for some in points.chunks(4096) {
            values.extend(
                SimulatedReturn::new(executor, actor, episodes, 1.0, 77, episodes as u64)
                    .with_stochastic(false)
                    .evaluate(&some.concat(), 0)?,
            );
        }
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        order.truncate(keep);
        points = order.into_iter().map(|i| points[i].clone()).collect();
    }
    Ok(points.swap_remove(0))
}

/// Multi-start Phase I, as `wr2l evaluate --worst-case --search gradient` has it, but with one episode a point.
fn phase_one(
    objective: &mut Returns<'_>,
    ball: &Ball,
    budget: usize,
    seed: u64,
) -> Result<Vec<f64>, Failure> {
    let search = Search::usual(SearchKind::Gradient, ball.dim(), budget as u64).phase_one;
    let mut found = Vec::new();
    let mut turn = 0;
    loop {
        let before = objective.spent;
        found.push(search.run(objective, ball, &vec![0.0; ball.dim()], seed, turn)?.z);
        turn += 1;
        if objective.spent + (objective.spent - before) > budget {
            break;
        }
    }
    let left = budget.saturating_sub(objective.spent);
    let best = attack::compare(objective, &found, left.max(found.len()), 1 << 32)?.lowest;
    Ok(found.swap_remove(best))
}

/// A search in Python that writes points in standard deviations of the ball, a batch a line, and reads their returns.
fn python(
    objective: &mut Returns<'_>,
    ball: &Ball,
    budget: usize,
    seed: u64,
    command: &str,
) -> Result<Vec<f64>, Failure> {
    // Where the name says so, a point x stands for the end of the ball in direction x.
    let vertices = command.ends_with("-directions");
    let mut words = command.split(' ');
    let last = budget / 5;
    let mut child = Command::new(words.next().unwrap_or("python3"))
        .args(words)
        .args([ball.dim().to_string(), (budget - last).to_string(), seed.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to = child.stdin.take().ok_or("no pipe")?;
    let from = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    let spread = spread(ball)?;
    let mut seen: Vec<(f64, Vec<f64>)> = Vec::new();
    for line in from.lines() {
        let numbers = line?.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let mut points = Vec::new();
        for x in numbers.chunks_exact(ball.dim()) {
            let direction = || -> Vec<f64> { x.iter().zip(&spread).map(|(x, s)| -x / s).collect() };
            let z: Vec<f64> = x
                .iter()
                .zip(&spread)
                .enumerate()
                .map(|(i, (x, s))| (x * s).clamp(ball.lower()[i], ball.upper()[i]))
                .collect();
            let vertex = if vertices { ball.minimiser(&direction())? } else { None };
            points.push(match vertex {
                Some(z) => z,
                None => ball.pull_inside(&z)?,
            });
        }
        let values = objective.evaluate(&points.concat(), 0)?;
        let words: Vec<String> = values.iter().map(f64::to_string).collect();
        writeln!(to, "{}", words.join(" "))?;
        seen.extend(values.into_iter().zip(points));
    }
    child.wait()?;
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut finalists: Vec<Vec<f64>> = seen.into_iter().take(16).map(|s| s.1).collect();
    let best = attack::compare(objective, &finalists, last, 1 << 32)?.lowest;
    Ok(finalists.swap_remove(best))
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [table, ball, epsilon, budget, repeats, count, methods, runs @ ..] = args.as_slice() else {
        return Err("see the head of the source for the arguments".into());
    };
    let mut table = std::fs::File::options().create(true).append(true).open(table)?;
    if table.metadata()?.len() == 0 {
        writeln!(
            table,
            "policy,parameters,epsilon,search,repeat,episodes,return,return_at_reference,seconds"
        )?;
    }
    let summary = BallSummary::read(ball.as_ref())?;
    let ball = summary.ball()?.with_epsilon(epsilon.parse()?)?;
    let (budget, count): (usize, usize) = (budget.parse()?, count.parse()?);
    let (from, to) = repeats.split_once("..").ok_or("REPEATS is a range: 0..5")?;
    let (from, to): (u64, u64) = (from.parse()?, to.parse()?);
    for run in runs {
        let one = Contestant::open(run.as_ref())?;
        let actor = &one.actor;
        let space = summary.space(&*one.task)?;
        let simulator = one.task.simulator(one.origin.physics, space)?;
        let mut executor = Threads::new(&simulator, 1)?;
        let reference = judge(&mut executor, actor, &vec![0.0; ball.dim()])?;
        for method in methods.split(',') {
            for repeat in from..if method == "brute" { from + 1 } else { to } {
                let start = Instant::now();
                let (z, spent) = if method == "brute" {
                    (brute(&mut executor, actor, &ball, count)?, count)
                } else {
                    let mut objective =
                        Returns { executor: &mut executor, actor, seed: 1000 + repeat, spent: 0 };
                    let usual = SurrogateSearch { budget, ..SurrogateSearch::default() };
                    let z = match method {
                        "surrogate" => usual.run(&mut objective, &ball, &[], repeat, 0)?.z,
                        "boundary" => {
                            SurrogateSearch { first: 1.0, ..usual }
                                .run(&mut objective, &ball, &[], repeat, 0)?
                                .z
                        }
                        "phase-one" => phase_one(&mut objective, &ball, budget, repeat)?,
                        command => python(&mut objective, &ball, budget, repeat, command)?,
                    };
                    (z, objective.spent)
                };
                let seconds = start.elapsed().as_secs_f64();
                let value = judge(&mut executor, actor, &z)?;
                let name = method.rsplit(' ').next().unwrap_or(method);
                let dim = ball.dim();
                writeln!(
                    table,
                    "{},{dim},{epsilon},{name},{repeat},{spent},{value:.2},{reference:.2},{seconds:.2}",
                    one.name
                )?;
            }
        }
    }
    Ok(())
}
