//! Where episodes start.

use wr2l_rng::Stream;

use crate::element::ElementKind;
use crate::file::{DrawTable, Intervals, Mistake, Spread, TaskFile};
use crate::inventory::{Inventory, Joint, JointKind};
use crate::terms::{home, select};

/// How often positions are drawn again at most until their norm is right. A task of which fewer than one draw in a hundred
/// is right is refused, so that all of them fail less often than once in 10⁴³ starts.
const TRIES: usize = 10_000;

/// The distribution of a task's initial states.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    positions: Vec<f64>,
    velocities: Vec<f64>,
    /// Of each position.
    spreads: Vec<Spread>,
    velocity: Spread,
    /// Addresses of the quaternions among the positions that have noise.
    quaternions: Vec<usize>,
    draws: Vec<Draw>,
}

/// Numbers that are drawn anew: their addresses and intervals.
#[derive(Clone, Debug, PartialEq)]
struct Draw {
    positions: Vec<(usize, [f64; 2])>,
    velocities: Vec<(usize, [f64; 2])>,
    norm: [f64; 2],
}

impl Draw {
    /// Draws the positions once; whether their norm is right.
    fn once(&self, stream: &mut Stream, positions: &mut [f64]) -> bool {
        let mut square = 0.0;
        for (at, [low, high]) in &self.positions {
            let value = stream.uniform(*low, *high);
            positions[*at] = value;
            square += value * value;
        }
        let [low, high] = self.norm;
        let norm = square.sqrt();
        low <= norm && norm <= high
    }
}

fn add(stream: &mut Stream, spread: Spread, value: &mut f64) {
    *value += match spread {
        Spread::Uniform(size) => stream.uniform(-size, size),
        Spread::Normal(size) => size * stream.normal(),
    };
}

fn positions_of(joint: &Joint) -> usize {
    match joint.kind {
        JointKind::Free => 7,
        JointKind::Ball => 4,
        JointKind::Slide | JointKind::Hinge => 1,
    }
}

impl Start {
    /// Of a task on a model.
    ///
    /// # Errors
    /// [`Mistake`] for a keyframe, joint or interval that the model does not bear out.
    pub fn compile(task: &TaskFile, inventory: &Inventory) -> Result<Self, Mistake> {
        let [positions, velocities, _] = home(task, inventory)?;
        let noise = &task.reset.noise;
        let mut spreads = vec![Spread::default(); positions.len()];
        let mut quaternions = Vec::new();
        for joint in &inventory.joints {
            let spread = if joint.kind == JointKind::Free { noise.root } else { noise.joint };
            let range = joint.position..joint.position + positions_of(joint);
            let Some(spreads) = spreads.get_mut(range) else {
                return Err(task.mistake("robot.mjcf", format!("joint `{}` has no positions", joint.name)));
            };
            spreads.fill(spread);
            match joint.kind {
                JointKind::Free if !spread.is_none() => quaternions.push(joint.position + 3),
                JointKind::Ball if !spread.is_none() => quaternions.push(joint.position),
                _ => {}
            }
        }
        let draws = task.reset.draw.iter().enumerate().map(|(i, table)| draw(task, i, table, inventory));
        let draws = draws.collect::<Result<_, _>>()?;
        Ok(Self { positions, velocities, spreads, velocity: noise.velocity, quaternions, draws })
    }

    /// Draws an initial state: positions in order, then velocities, then what is drawn anew.
    ///
    /// # Panics
    /// If `positions` or `velocities` has not the model's length.
    pub fn draw(&self, stream: &mut Stream, positions: &mut [f64], velocities: &mut [f64]) {
        positions.copy_from_slice(&self.positions);
        velocities.copy_from_slice(&self.velocities);
        if !(self.velocity.is_none() && self.spreads.iter().all(Spread::is_none)) {
            for (value, spread) in positions.iter_mut().zip(&self.spreads) {
                add(stream, *spread, value);
            }
            for value in &mut *velocities {
                add(stream, self.velocity, value);
            }
        }
        for at in &self.quaternions {
            let quaternion = &mut positions[*at..at + 4];
            let norm = quaternion.iter().map(|x| x * x).sum::<f64>().sqrt();
            // Noise that cancels it all leaves no direction; it is as unlikely as it is harmless.
            if norm > 0.0 {
                quaternion.iter_mut().for_each(|x| *x /= norm);
            }
        }
        for draw in &self.draws {
            for _ in 0..TRIES {
                if draw.once(stream, positions) {
                    break;
                }
            }
            for (at, [low, high]) in &draw.velocities {
                velocities[*at] = stream.uniform(*low, *high);
            }
        }
    }
}

/// Each address with its interval.
fn paired(
    task: &TaskFile,
    path: &str,
    addresses: Vec<usize>,
    intervals: &Option<Intervals>,
) -> Result<Vec<(usize, [f64; 2])>, Mistake> {
    let Some(Intervals(intervals)) = intervals else { return Ok(Vec::new()) };
    let count = addresses.len();
    match intervals.as_slice() {
        [interval] => Ok(addresses.into_iter().map(|at| (at, *interval)).collect()),
        several if several.len() == count => Ok(addresses.into_iter().zip(several.iter().copied()).collect()),
        several => {
            let message = format!("expected one interval or {count}, and found {}", several.len());
            Err(task.mistake(path, message))
        }
    }
}

fn draw(task: &TaskFile, i: usize, table: &DrawTable, inventory: &Inventory) -> Result<Draw, Mistake> {
    let path = |key: &str| format!("reset.draw[{i}].{key}");
    let joints = select(task, &path("select"), &table.select, ElementKind::Joint, inventory)?;
    let joints: Vec<&Joint> = joints.into_iter().map(|joint| &inventory.joints[joint]).collect();
    let turns = |joint: &&Joint| matches!(joint.kind, JointKind::Free | JointKind::Ball);
    if let (Some(joint), true) = (joints.iter().copied().find(turns), table.position.is_some()) {
        let message = format!("joint `{}` has a quaternion, which intervals would break", joint.name);
        return Err(task.mistake(&path("select"), message));
    }
    let positions = joints.iter().map(|joint| joint.position).collect();
    let velocities = joints
        .iter()
        .flat_map(|joint| {
            let count = match joint.kind {
                JointKind::Free => 6,
                JointKind::Ball => 3,
                JointKind::Slide | JointKind::Hinge => 1,
            };
            joint.velocity..joint.velocity + count
        })
        .collect();
    let draw = Draw {
        positions: paired(task, &path("position"), positions, &table.position)?,
        velocities: paired(task, &path("velocity"), velocities, &table.velocity)?,
        norm: table.norm.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]),
    };
    // Always the same numbers: whether a task is accepted is no matter of chance.
    let mut stream = wr2l_rng::StreamKey::new(0, wr2l_rng::Purpose::Own).stream();
    let mut positions = inventory.reference.clone();
    let right = (0..1000).filter(|_| draw.once(&mut stream, &mut positions)).count();
    if right < 10 {
        let message = "of these positions, fewer than one in a hundred has such a norm";
        return Err(task.mistake(&path("norm"), message));
    }
    Ok(draw)
}
