//! Whether each parameter of a task changes what it is to change: short courses at both of its bounds beside the nominal one.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, BatchSim, Outcome, SimError, Simulator};

/// What a parameter does at one of its bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Felt {
    /// The parameter.
    pub name: String,
    /// The bound.
    pub value: f64,
    /// The largest difference of any position, velocity or observation to the nominal course, over the steps that both took.
    pub difference: f64,
    /// The step at which the physics broke down, if it did.
    pub diverged: Option<u32>,
}

impl Felt {
    /// The sentence for people: an error for a parameter that does nothing, a warning for one that breaks the physics.
    pub fn complaint(&self) -> Option<String> {
        let Self { name, value, .. } = self;
        match self.diverged {
            Some(step) => {
                Some(format!("warning: at `{name}` = {value} the physics breaks down at step {step}"))
            }
            None if self.difference == 0.0 => Some(format!(
                "error: `{name}` = {value} changes nothing: what it moves is not felt in these steps (a contact that does not \
                 occur, a body that does not move, a limit that is not reached)"
            )),
            None => None,
        }
    }
}

/// Runs every parameter of a simulator at both bounds, and the nominal course, with the same start and random actions, for so
/// many steps; bounds that are the nominal value are left out.
///
/// # Errors
/// [`SimError`], if the dynamics are refused.
pub fn feel(simulator: &Simulator, seed: u64, steps: u32) -> Result<Vec<Felt>, SimError> {
    let parameters = simulator.space().parameters();
    let nominal = simulator.space().nominal();
    let bounds: Vec<(usize, f64)> = parameters
        .iter()
        .enumerate()
        .flat_map(|(i, parameter)| [(i, parameter.lower), (i, parameter.upper)])
        .filter(|(i, value)| *value != nominal[*i])
        .collect();
    // The last lane is the nominal one.
    let lanes = bounds.len() + 1;
    let mut sim = simulator.batch(lanes)?;
    for (lane, (i, value)) in bounds.iter().enumerate() {
        let mut phi = nominal.clone();
        phi[*i] = *value;
        sim.set_dynamics(lane, &phi)?;
    }
    for lane in 0..lanes {
        sim.reset(lane, &mut StreamKey::new(seed, Purpose::Reset).stream());
    }
    let mut felt: Vec<Felt> = bounds
        .iter()
        .map(|(i, value)| Felt {
            name: parameters[*i].name.clone(),
            value: *value,
            difference: 0.0,
            diverged: None,
        })
        .collect();
    follow(&mut *sim, &mut felt, seed, steps);
    Ok(felt)
}

/// Takes the steps, and compares each lane with the last.
fn follow(sim: &mut dyn BatchSim, felt: &mut [Felt], seed: u64, steps: u32) {
    let lanes = felt.len() + 1;
    let (dim, space): (usize, ActionSpace) = (sim.spec().act_dim(), sim.spec().actions.clone());
    let mut random = StreamKey::new(seed, Purpose::Action).stream();
    let mut actions = vec![0.0; lanes * dim];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    let mut active = vec![true; lanes];
    let (state, seen) = (sim.spec().state_dim(), sim.spec().obs_dim);
    let (mut own, mut nominal) = (vec![0.0; state + seen], vec![0.0; state + seen]);
    let look = |sim: &dyn BatchSim, lane: usize, numbers: &mut [f64]| {
        let (moved, observed) = numbers.split_at_mut(state);
        sim.state(lane, moved);
        sim.observe(lane, observed);
    };
    for step in 0..steps {
        let (first, rest) = actions.split_at_mut(dim);
        space.draw(|low, high| random.uniform(low, high), first);
        rest.chunks_exact_mut(dim).for_each(|action| action.copy_from_slice(first));
        sim.step(&actions, &active, &mut rewards, &mut outcomes);
        // An episode that is over goes on: only the physics is looked at.
        for lane in 0..lanes {
            active[lane] &= !matches!(outcomes[lane], Outcome::Diverged(_));
        }
        if !active[lanes - 1] {
            return;
        }
        look(sim, lanes - 1, &mut nominal);
        for (lane, felt) in felt.iter_mut().enumerate() {
            if active[lane] {
                look(sim, lane, &mut own);
                let largest = own.iter().zip(&nominal).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                felt.difference = felt.difference.max(largest);
            } else if felt.diverged.is_none() {
                felt.diverged = Some(step + 1);
            }
        }
    }
}
