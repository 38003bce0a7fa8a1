//! `wr2l check`.

use std::time::Instant;

use wr2l::rng::{Purpose, StreamKey};
use wr2l::robot::{RobotTask, feel};
use wr2l::run::RunError;
use wr2l::sim::{AnyTask, Outcome, SimError, Simulator};

use crate::cli::CheckArgs;
use crate::output::{aligned, print, thousands, warn};

/// Steps of the effect test.
const STEPS: u32 = 200;
/// Lanes and steps of the random course.
const LANES: usize = 64;
const COURSE: u32 = 100;

pub(crate) fn run(args: &CheckArgs) -> Result<(), RunError> {
    let usage = |error: String| RunError::Usage(error);
    let task = RobotTask::load(&args.task).map_err(|error| usage(error.to_string()))?;
    let choice = task.choice()?;
    print(&description(&task))?;
    print(&varied(&task))?;
    let simulator = task.simulator(None, &task.variation().space)?;
    let course = course(&simulator)?;
    let physics = choice.physics.as_str();
    print(&format!(
        "\nphysics: {physics} ({})\n{} steps/s on one thread, under random actions, which earned {:.3} a step; episodes of {:.0} steps\n",
        choice.reason,
        thousands(course.speed as u64),
        course.reward,
        course.length,
    ))?;
    let felt = feel(&simulator, 0, STEPS)?;
    let complaints: Vec<String> = felt.iter().filter_map(|felt| felt.complaint()).collect();
    let (errors, warnings): (Vec<_>, Vec<_>) =
        complaints.iter().partition(|text| text.starts_with("error: "));
    for warning in warnings {
        warn(warning.trim_start_matches("warning: "));
    }
    if !errors.is_empty() {
        let list: Vec<&str> = errors.iter().map(|text| text.trim_start_matches("error: ")).collect();
        return Err(usage(list.join("\n")));
    }
    print("every parameter changes what happens within 200 steps, at both of its bounds\n")
}

fn description(task: &RobotTask) -> String {
    let spec = task.spec();
    let inventory = task.model().inventory();
    format!(
        "{}: {}\nrobot {}: {} bodies, {} joints, {} degrees of freedom, {} actuators\n\
         {} observations, {} actions, {} steps of {} s at most\nreward: {}\n",
        task.name(),
        task.description(),
        task.model().name(),
        inventory.bodies.len() - 1,
        inventory.joints.len(),
        spec.nv,
        inventory.actuators.len(),
        spec.obs_dim,
        spec.act_dim(),
        spec.episode_limit,
        spec.dt,
        task.file()
            .reward
            .iter()
            .map(|term| format!("{} ({})", term.name, term.weight))
            .collect::<Vec<_>>()
            .join(", "),
    )
}

/// What varies, and which elements each selector means.
fn varied(task: &RobotTask) -> String {
    let variation = task.variation();
    let mut rows = vec![["parameter", "nominal", "from", "to", "unit", "elements"].map(String::from)];
    for (p, elements) in variation.space.parameters().iter().zip(&variation.elements) {
        let names: Vec<String> =
            elements.iter().map(|element| element.selector(task.model().inventory())).collect();
        let names = match names.as_slice() {
            [one, two, three, _, ..] => format!("{one}, {two}, {three} … ({} in all)", names.len()),
            few => few.join(", "),
        };
        rows.push([
            p.name.clone(),
            p.nominal.to_string(),
            p.lower.to_string(),
            p.upper.to_string(),
            p.unit.clone(),
            names,
        ]);
    }
    format!("\n{}", aligned(&rows))
}

/// How a policy of chance fares.
struct Course {
    speed: f64,
    reward: f64,
    length: f64,
}

fn course(simulator: &Simulator) -> Result<Course, SimError> {
    let mut sim = simulator.batch(LANES)?;
    let spec = simulator.spec().clone();
    let start = |episode: u64| StreamKey::new(0, Purpose::Reset).episode(episode).stream();
    for lane in 0..LANES {
        sim.reset(lane, &mut start(lane as u64));
    }
    let mut random = StreamKey::new(0, Purpose::Action).stream();
    let mut actions = vec![0.0; LANES * spec.act_dim()];
    let (mut rewards, mut outcomes) = (vec![0.0; LANES], vec![Outcome::Running; LANES]);
    let (mut sum, mut episodes) = (0.0, LANES as u64);
    let began = Instant::now();
    for _ in 0..COURSE {
        for action in actions.chunks_mut(spec.act_dim()) {
            spec.actions.draw(|low, high| random.uniform(low, high), action);
        }
        sim.step(&actions, &[true; LANES], &mut rewards, &mut outcomes);
        sum += rewards.iter().sum::<f64>();
        for lane in (0..LANES).filter(|lane| outcomes[*lane].is_over()) {
            sim.reset(lane, &mut start(episodes));
            episodes += 1;
        }
    }
    let steps = f64::from(COURSE) * LANES as f64;
    Ok(Course {
        speed: steps / began.elapsed().as_secs_f64(),
        reward: sum / steps,
        // Those that are not over count as one each.
        length: steps / episodes as f64,
    })
}
