//! `wr2l check`.

use std::path::Path;
use std::time::Instant;

use wr2l::robot::{Course, Draw, RobotTask, doubts, feel, rehearse};
use wr2l::run::{Layer, Plan, RunError};
use wr2l::sim::AnyTask;

use crate::cli::CheckArgs;
use crate::output::{aligned, duration, print, thousands, warn};

/// Steps of the effect test.
const STEPS: u32 = 200;
/// Lanes and steps of the random course.
const LANES: usize = 64;
const COURSE: u32 = 100;
/// Steps of learning whose time is estimated.
const LEARNING: f64 = 1e6;

pub(crate) fn run(args: &CheckArgs) -> Result<(), RunError> {
    let usage = |error: String| RunError::Usage(error);
    let task = RobotTask::load(&args.task).map_err(|error| usage(error.to_string()))?;
    let choice = task.choice()?;
    print(&description(&task))?;
    print(&varied(&task))?;
    let simulator = task.simulator(None, &task.variation().space)?;
    let began = Instant::now();
    let random = rehearse(&simulator, 0, LANES, COURSE, false)?;
    let speed = random.steps as f64 / began.elapsed().as_secs_f64();
    let idle = rehearse(&simulator, 0, LANES, COURSE, true)?;
    print(&rewards(&task, &random, &idle))?;
    doubts(&random, &idle).iter().for_each(|doubt| warn(doubt));
    let physics = choice.physics.as_str();
    print(&format!(
        "\nphysics: {physics} ({})\n{} steps/s on one thread under random actions, without learning\n",
        choice.reason,
        thousands(speed as u64),
    ))?;
    print(&defaults(&args.task, speed)?)?;
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
         {} observations, {} actions, {} steps of {} s at most\n",
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
    )
}

/// What varies, and which elements each selector means.
fn varied(task: &RobotTask) -> String {
    let variation = task.variation();
    let mut rows =
        vec![["parameter", "nominal", "from", "to", "unit", "drawn", "elements"].map(String::from)];
    let each = variation.space.parameters().iter().zip(&variation.elements).zip(&variation.draws);
    for ((p, elements), draw) in each {
        let names: Vec<String> = elements.iter().map(|element| element.selector(task.inventory())).collect();
        let names = match names.as_slice() {
            [one, two, three, _, ..] => format!("{one}, {two}, {three} … ({} in all)", names.len()),
            few => few.join(", "),
        };
        let drawn = if *draw == Draw::LogUniform { "log-uniform" } else { "uniform" };
        rows.push([
            p.name.clone(),
            p.nominal.to_string(),
            p.lower.to_string(),
            p.upper.to_string(),
            p.unit.clone(),
            drawn.to_owned(),
            names,
        ]);
    }
    format!("\n{}", aligned(&rows))
}

/// The reward's terms, a step.
fn rewards(task: &RobotTask, random: &Course, idle: &Course) -> String {
    let weight = |name: &str| {
        let term = task.file().reward.iter().find(|term| term.name == name);
        term.map_or_else(String::new, |term| term.weight.to_string())
    };
    let number = |x: f64| format!("{x:.4}");
    let mut rows = vec![["reward", "weight", "mean", "least", "most", "idle"].map(String::from)];
    for (term, still) in random.terms.iter().zip(&idle.terms) {
        rows.push([
            term.name.clone(),
            weight(&term.name),
            number(term.mean),
            number(term.least),
            number(term.most),
            number(still.mean),
        ]);
    }
    let [sum, still] = [random, idle].map(|course| number(course.reward));
    rows.push(["sum".into(), String::new(), sum, String::new(), String::new(), still]);
    format!(
        "\n{}a step, under random actions ({} steps), and idle: under none; episodes of {:.0} steps, and {:.0}\n",
        aligned(&rows),
        thousands(random.steps),
        random.length,
        idle.length,
    )
}

/// What `wr2l train` does if nothing else is said.
fn defaults(file: &Path, speed: f64) -> Result<String, RunError> {
    let task = file.display().to_string();
    let plan = Plan::resolve(&[Layer::argument(format!("task {task}"), "task", task.as_str())])?;
    let radius = match plan.ball.half_width {
        Some(half_width) => format!("in the ball in which the middle parameter may move by {half_width}"),
        None => format!("in the ball of ε = {}", plan.ball.epsilon),
    };
    let varied = if plan.vary.is_empty() { "nothing".to_owned() } else { plan.vary.join(", ") };
    Ok(format!(
        "wr2l train {task}: {} for {} steps, varying {varied} {radius}; 1 million steps simulate in {} on one thread\n",
        plan.method(),
        thousands(plan.steps),
        duration(LEARNING / speed),
    ))
}
