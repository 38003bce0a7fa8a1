//! WR²L on the cart-pole, from pixels, from states, and from black frames as a control: returns while it is trained.
//!
//! `cargo run --release -p wr2l-pixels --example trained -- FILE SEEN SEED…` with SEEN `pixels`, `states` or `black` adds the
//! rows of these seeds to FILE.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use wr2l_nn::{Convolution, Convolutions, Image};
use wr2l_pixels::{CART_POLE, Picture, SIDE, seen};
use wr2l_rl::{
    EpisodeJob, EpisodeOptions, Executor, Experience, Fixed, Learner, Ppo, PpoConfig, RlError, Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::{Source, Turn, Wasserstein};
use wr2l_robust::attack::SurrogateSearch;
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate};
use wr2l_sim::{SimError, Simulator, Task, TaskName};

/// Frames of an observation.
const FRAMES: usize = 2;
/// Lanes, and transitions of each in an update.
const LANES: usize = 8;
const HORIZON: usize = 128;
/// Updates of a run, and between two turns of the adversary.
const UPDATES: u64 = 50;
const TURN: u64 = 10;
/// Updates between two rows, after the first turn; before it every update has one.
const ROW: u64 = 5;
/// Episodes that a row's returns are means over, under each dynamics.
const EPISODES: u64 = 10;

/// The cart-pole with an uncertain length of its pole.
pub(crate) fn cart_pole() -> Result<Simulator, SimError> {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space().select(&["pole_half_length"])?;
    Simulator::new(task, None, space)
}

/// A camera with its cap on.
const BLACK: Picture = Picture { name: "black", positions: 2, draw: |_, _| {} };

/// What sees the frames: 8 filters of 8 × 8 pixels, 16 of 4 × 4, and 64 units behind them.
pub(crate) fn eyes() -> Convolutions {
    let image = Image { height: SIDE, width: SIDE, channels: FRAMES };
    let shapes = [
        Convolution { filters: 8, kernel: 8, stride: 4, padding: 0 },
        Convolution { filters: 16, kernel: 4, stride: 2, padding: 0 },
    ];
    Convolutions::new(image, &shapes).expect("they fit")
}

/// The learner of a run.
pub(crate) fn learner(simulator: &Simulator, pixels: bool, seed: u64) -> Result<Ppo, RlError> {
    let (spec, dim) = (simulator.spec(), simulator.space().dim());
    let usual = PpoConfig { lanes: LANES, horizon: HORIZON, ..PpoConfig::default() };
    if !pixels {
        return Ppo::new(usual, spec, dim, seed);
    }
    let config = PpoConfig {
        epochs: 4,
        minibatches: 8,
        learning_rate: 1e-3,
        gamma: 0.98,
        normalise_observations: false,
        hidden: vec![64],
        ..usual
    };
    Ppo::over_images(config, spec, dim, &eyes(), seed)
}

/// Mean returns of the policy's likeliest actions under each of `points`, in z.
fn returns(executor: &mut dyn Executor, learner: &Ppo, points: &[f64], seed: u64) -> Vec<f64> {
    let jobs: Vec<EpisodeJob> = (0..points.len())
        .flat_map(|dynamics| {
            (0..EPISODES).map(move |episode| {
                let key = StreamKey::new(seed, Purpose::Own).episode(episode);
                EpisodeJob { dynamics, reset: key, action: key }
            })
        })
        .collect();
    let options = EpisodeOptions { stochastic: false, discount: 1.0 };
    let results = executor.episodes(learner.actor(), points, &jobs, options).expect("episodes");
    let of_point = results.chunks(EPISODES as usize);
    of_point.map(|results| results.iter().map(|r| r.ret).sum::<f64>() / EPISODES as f64).collect()
}

/// Seconds of all cores that this process has used, where the system says so.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |field: usize| text.rsplit(')').next()?.split_whitespace().nth(field)?.parse::<f64>().ok();
    ticks(11).zip(ticks(12)).map_or(f64::NAN, |(user, system)| (user + system) / 100.0)
}

/// Threads of a run, which change nothing but its time: `THREADS`, or 2.
fn threads() -> usize {
    std::env::var("THREADS").ok().and_then(|threads| threads.parse().ok()).unwrap_or(2)
}

/// Algorithm 1 on one seed. Rows: steps, mean return at the reference and at the worse end of the ball, seconds of all cores, and
/// of the clock.
fn run(picture: Option<Picture>, seed: u64, mut row: impl FnMut(u64, f64, f64, f64, f64)) {
    let states = cart_pole().expect("the task");
    let simulator = match picture {
        Some(picture) => seen(&states, picture, FRAMES).expect("frames"),
        None => states,
    };
    let space = simulator.space();
    let mut executor = Threads::with_lanes(&simulator, threads(), LANES).expect("threads");
    let mut ppo = learner(&simulator, picture.is_some(), seed).expect("the options");
    let config = BallConfig { half_width: Some(0.5), ..BallConfig::default() };
    let estimate = BallEstimate::new(&mut executor, &config, 0).expect("the ball");
    let ball = estimate.ball(space, &config).expect("the ball");
    let (low, high) = ball.ranges().expect("the ball")[0].alone;
    let config = AdversaryConfig {
        phase_one: PhaseOne {
            search: SearchKind::Surrogate,
            surrogate: SurrogateSearch { budget: 24, finalists: 4, round: 8, ..SurrogateSearch::default() },
            ..PhaseOne::default()
        },
        worst_cases: 2,
        nominal_share: 0.5,
        ..AdversaryConfig::default()
    };
    let mut adversary = Wasserstein::new(estimate, ball, config).expect("the adversary");
    let mut source: Source = Arc::new(Fixed::reference(space));
    let mut current = vec![0.0; space.dim()];
    // Of training and turns, without the rows.
    let (mut cpu, mut wall) = (0.0, 0.0);
    for update in 0..=UPDATES {
        let progress = update as f64 / UPDATES as f64;
        if update < TURN || update % ROW == 0 {
            let returns = returns(&mut executor, &ppo, &[0.0, low, high], seed);
            let steps = update * (LANES * HORIZON) as u64;
            row(steps, returns[0], returns[1].min(returns[2]), cpu, wall);
        }
        if update == UPDATES {
            break;
        }
        let (begun, spent) = (Instant::now(), cpu_seconds());
        if update > 0 && update % TURN == 0 {
            let turn = Turn { seed, index: update / TURN, progress, current: &current };
            let choice = adversary.choose(&turn, ppo.actor(), &mut executor).expect("a turn");
            source = choice.source;
            // The newest worst case, also where lanes have several dynamics.
            if let Some(worst) = choice.report.worst.or_else(|| source.point().map(<[f64]>::to_vec)) {
                current = worst;
            }
        }
        let experience = Experience::alone(&mut executor, source.as_ref(), seed, update, progress);
        ppo.improve(experience).expect("an update");
        cpu += cpu_seconds() - spent;
        wall += begun.elapsed().as_secs_f64();
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let usage = "trained FILE pixels|states|black SEED…";
    let (path, input) = (arguments.next().expect(usage), arguments.next().expect(usage));
    let picture = match input.as_str() {
        "pixels" => Some(CART_POLE),
        "black" => Some(BLACK),
        "states" => None,
        _ => panic!("{usage}"),
    };
    for seed in arguments.map(|seed| seed.parse().expect(usage)) {
        let mut file = OpenOptions::new().create(true).append(true).open(&path).expect("the file");
        if file.metadata().expect("the file").len() == 0 {
            writeln!(file, "seen,seed,steps,nominal,ends,cpu_s,wall_s").expect("the file");
        }
        run(picture, seed, |steps, nominal, ends, cpu, wall| {
            writeln!(file, "{input},{seed},{steps},{nominal:.2},{ends:.2},{cpu:.1},{wall:.1}")
                .expect("the file");
        });
    }
}
