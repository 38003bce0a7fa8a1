//! Running a policy on systems.

use std::ops::ControlFlow;

use thiserror::Error;
use wr2l_rl::{Actor, EpisodeJob, EpisodeOptions, EpisodeResult, Executor, Threads, episodes_while};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::RobustError;
use wr2l_sim::{DynamicsSpace, Outcome, Physics, SimError, SimSpec, Simulator, Task};

use crate::axis::Systems;
use crate::csv_file::CsvError;
use crate::journal::{Fingerprint, Journal};
use crate::standing::stands_still;
use crate::table::{Episode, Provenance, Row, Table, Training};

/// How a policy is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Episodes per system, at least 1. Default 20.
    pub episodes: u32,
    /// Draw actions from the policy instead of taking its mean (or most likely) action. Default `false`.
    pub stochastic: bool,
    /// Seed of initial states and action noise. Default 0: policies are compared on the same episodes.
    pub seed: u64,
    /// Worker threads, which never change a result. Default 1.
    pub threads: usize,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { episodes: 20, stochastic: false, seed: 0, threads: 1 }
    }
}

/// Whom to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The policy.
    pub actor: &'a Actor,
    /// See [`Provenance::method`].
    pub method: &'a str,
    /// See [`Provenance::policy`].
    pub policy: &'a str,
    /// See [`Provenance::training`].
    pub training: &'a Training,
}

/// How far an evaluation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Systems done, the nominal one included.
    pub done: usize,
    /// Systems in all, the nominal one included.
    pub total: usize,
}

/// Why an evaluation came to no table.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// No episode was asked for.
    #[error("an evaluation needs at least 1 episode per system")]
    NoEpisode,
    /// The policy was made for another task.
    #[error("the policy does not fit task `{task}`: {reason}")]
    Policy {
        /// The task.
        task: String,
        /// What differs.
        reason: String,
    },
    /// The systems are of other parameters than the simulator varies.
    #[error("the systems change `{systems}`, and the simulator `{simulator}`")]
    Parameters {
        /// Those of the systems.
        systems: String,
        /// Those of the simulator.
        simulator: String,
    },
    /// The simulator refused the task, the physics or a system.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The search for the worst system failed.
    #[error(transparent)]
    Search(#[from] RobustError),
    /// No search for the worst system came to an end, because the physics broke down in each.
    #[error("the physics broke down in all {searches} searches for the worst system; the last time {last}")]
    NoWorst {
        /// How many.
        searches: u64,
        /// Where and how it did in the last.
        last: String,
    },
    /// The journal could not be kept.
    #[error(transparent)]
    Journal(#[from] CsvError),
    /// The progress callback asked to stop.
    #[error("the evaluation was interrupted after {done} of {total} systems")]
    Interrupted {
        /// Systems done.
        done: usize,
        /// Systems in all.
        total: usize,
    },
}

/// Runs a policy on every system, and on the nominal values of the swept parameters beside them.
///
/// The simulator varies the swept parameters and nothing else. Episode i of every system starts from the same initial
/// state and, if stochastic, draws the same noise (common random numbers): differences between systems, and between
/// policies, are not luck of the draw. A row depends on its system alone, not on which others are swept. Returns are
/// undiscounted; episodes end at a terminal state, the task's time limit, or when the physics breaks down.
///
/// `physics` is the task's default if `None`. Rows that `journal` knows are not simulated again; the others are put
/// into it as they come. `progress` is called now and then, first with nothing done; it may stop the evaluation.
///
/// # Errors
/// [`EvaluationError::NoEpisode`]; [`EvaluationError::Policy`] if observations or actions of policy and task differ;
/// [`EvaluationError::Sim`] for what [`Simulator::new`] refuses; [`EvaluationError::Journal`];
/// [`EvaluationError::Interrupted`].
pub fn evaluate(
    subject: Subject<'_>,
    task: Task,
    physics: Option<Physics>,
    systems: &Systems,
    options: Evaluation,
    journal: &mut Journal,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Table, EvaluationError> {
    let simulator = Simulator::new(task, physics, systems.space().clone())?;
    let mut threads = Threads::new(&simulator, options.threads)?;
    evaluate_on(&mut threads, subject, systems, options, journal, progress)
}

/// [`evaluate`], on an executor of one's own, whose simulator varies the parameters of `systems` in their order.
/// `options.threads` says nothing here.
///
/// # Errors
/// Those of [`evaluate`], and [`EvaluationError::Parameters`].
pub fn evaluate_on(
    executor: &mut dyn Executor,
    subject: Subject<'_>,
    systems: &Systems,
    options: Evaluation,
    journal: &mut Journal,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Table, EvaluationError> {
    if options.episodes == 0 {
        return Err(EvaluationError::NoEpisode);
    }
    let simulator = executor.simulator().clone();
    check_policy(subject.actor, &simulator)?;
    if !systems.space().names().eq(simulator.space().names()) {
        let names = |space: &DynamicsSpace| space.names().collect::<Vec<_>>().join("`, `");
        return Err(EvaluationError::Parameters {
            systems: names(systems.space()),
            simulator: names(simulator.space()),
        });
    }

    // The nominal system is row 0 of what is run.
    let (space, dim) = (systems.space(), systems.space().dim());
    let mut phi = space.nominal();
    phi.extend_from_slice(systems.phi());
    let total = systems.len() + 1;
    let episodes = options.episodes as usize;
    let print = fingerprint("row", subject.actor, &simulator, options);
    let keys: Vec<u64> = phi.chunks(dim).map(|phi| print.numbers(phi).key()).collect();
    let known = |journal: &Journal, i: usize| {
        Row::from_numbers(phi[i * dim..][..dim].to_vec(), journal.get(keys[i])?)
    };
    let missing: Vec<usize> = (0..total).filter(|&i| known(journal, i).is_none()).collect();

    // Enough episodes at a time that no lane idles for long, few enough for the progress to move.
    let at_a_time = (32 * executor.places()).div_ceil(episodes);
    let mut done = total - missing.len();
    for chunk in missing.chunks(at_a_time) {
        let z: Vec<f64> = chunk.iter().flat_map(|&i| space.normalised(&phi[i * dim..][..dim])).collect();
        let jobs: Vec<EpisodeJob> = (0..chunk.len())
            .flat_map(|system| (0..episodes).map(move |episode| job(system, episode, options.seed)))
            .collect();
        let run = EpisodeOptions { stochastic: options.stochastic, discount: 1.0 };
        let mut go_on = || progress(Progress { done, total });
        let results = match episodes_while(executor, subject.actor, &z, &jobs, run, &mut go_on) {
            Err(SimError::Interrupted) => return Err(EvaluationError::Interrupted { done, total }),
            results => results?,
        };
        let rows = chunk.iter().zip(results.chunks(episodes)).map(|(&i, results)| {
            let episodes: Vec<Episode> =
                results.iter().map(|result| episode(simulator.spec(), result)).collect();
            (keys[i], Row::new(phi[i * dim..][..dim].to_vec(), &episodes).numbers())
        });
        journal.put(rows.collect())?;
        done += chunk.len();
    }
    // What was asked for is complete: whether to stop makes no difference any more.
    let _ = progress(Progress { done: total, total });
    let mut rows: Vec<Row> = (0..total).filter_map(|i| known(journal, i)).collect();
    let nominal = Some(rows.remove(0));
    let provenance = Provenance {
        task: simulator.task().to_owned(),
        physics: simulator.physics().to_owned(),
        method: subject.method.to_owned(),
        policy: subject.policy.to_owned(),
        training: subject.training.clone(),
        seed: options.seed,
        stochastic: options.stochastic,
        systems: systems.label().to_owned(),
    };
    Ok(Table { provenance, parameters: space.names().map(str::to_owned).collect(), nominal, rows })
}

/// All that a result of this policy on this simulator depends on, but the system.
pub(crate) fn fingerprint(
    kind: &str,
    actor: &Actor,
    simulator: &Simulator,
    options: Evaluation,
) -> Fingerprint {
    let names: Vec<&str> = simulator.space().names().collect();
    Fingerprint::of(kind)
        .text(simulator.identity())
        .text(simulator.physics())
        .text(&names.join(","))
        .text(&format!("{} {} {}", options.episodes, options.stochastic, options.seed))
        .actor(actor)
}

/// Episode `episode` on a system: its streams do not depend on the system.
fn job(system: usize, episode: usize, seed: u64) -> EpisodeJob {
    let key = |purpose| StreamKey::new(seed, purpose).episode(episode as u64);
    EpisodeJob {
        dynamics: system,
        reset: key(Purpose::EvaluationReset),
        action: key(Purpose::EvaluationAction),
    }
}

fn episode(spec: &SimSpec, result: &EpisodeResult) -> Episode {
    let EpisodeResult { ret, length, forward, outcome } = *result;
    // Terminated in its last step it fell, however long it lasted.
    let still = stands_still(spec, length, forward).map(|still| still && outcome == Outcome::Truncated);
    Episode { ret, length, forward, still, diverged: matches!(outcome, Outcome::Diverged(_)) }
}

pub(crate) fn check_policy(actor: &Actor, simulator: &Simulator) -> Result<(), EvaluationError> {
    let spec = simulator.spec();
    let refuse = |reason| EvaluationError::Policy { task: simulator.task().to_owned(), reason };
    if actor.obs_dim() != spec.obs_dim {
        let (got, expected) = (actor.obs_dim(), spec.obs_dim);
        return Err(refuse(format!("it observes {got} numbers, the task gives {expected}")));
    }
    if actor.action_space() != &spec.actions {
        return Err(refuse("its actions are not the task's".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wr2l_nn::{Normaliser, Policy};
    use wr2l_sim::{ActionSpace, TaskName};

    use super::*;
    use crate::axis::{Axis, Grid};

    fn task() -> Task {
        Task::new(TaskName::CARTPOLE)
    }

    fn actor(observations: usize, choices: usize) -> Actor {
        let policy = Policy::categorical(observations, &[8], choices).unwrap();
        let mut params = vec![0.0; policy.parameters()];
        policy.initialise(&mut StreamKey::new(3, Purpose::Test).stream(), &mut params);
        let actions = ActionSpace::Discrete { n: choices };
        Actor::new(policy, params, Normaliser::identity(observations), actions).unwrap()
    }

    fn systems(axes: &[&str]) -> Systems {
        let axes: Vec<Axis> = axes.iter().map(|axis| axis.parse().unwrap()).collect();
        Grid::new(&task().space(), axes).unwrap().systems()
    }

    fn run(actor: &Actor, systems: &Systems, options: Evaluation) -> Result<Table, EvaluationError> {
        journalled(actor, systems, options, &mut Journal::none(), &mut |_| ControlFlow::Continue(()))
    }

    fn journalled(
        actor: &Actor,
        systems: &Systems,
        options: Evaluation,
        journal: &mut Journal,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Table, EvaluationError> {
        let subject = Subject { actor, method: "ppo", policy: "a", training: &Training::default() };
        evaluate(subject, task(), None, systems, options, journal, progress)
    }

    /// Everything but NaN compares by its bits.
    fn text(table: &Table) -> String {
        format!("{table:?}")
    }

    const SWEEP: &str = "pole_half_length=0.3:2:9";

    #[test]
    fn results_are_the_same_bits_for_any_number_of_threads() {
        let actor = actor(4, 2);
        for stochastic in [false, true] {
            let options = Evaluation { episodes: 7, stochastic, seed: 5, threads: 1 };
            let one = run(&actor, &systems(&[SWEEP]), options).unwrap();
            let three = run(&actor, &systems(&[SWEEP]), Evaluation { threads: 3, ..options }).unwrap();
            assert_eq!(text(&one), text(&three));
            assert_eq!((one.rows.len(), one.rows[0].episodes, one.rows[0].diverged), (9, 7, 0));
            assert_eq!((one.rows[0].phi[0], one.rows[8].phi[0]), (0.3, 2.0));
            assert_eq!(one.provenance.physics, "classic");
        }
    }

    #[test]
    fn a_row_depends_on_its_system_alone() {
        let actor = actor(4, 2);
        let options = Evaluation { stochastic: true, ..Evaluation::default() };
        let nominal = task().space().select(&["pole_half_length"]).unwrap().nominal()[0];
        let axis = format!("pole_half_length=0.3,{nominal},2");
        let table = run(&actor, &systems(&[&axis]), options).unwrap();
        let alone = run(&actor, &systems(&["pole_half_length=2"]), options).unwrap();
        assert_eq!(format!("{:?}", table.rows[2]), format!("{:?}", alone.rows[0]));
        assert_eq!(format!("{:?}", table.rows[1]), format!("{:?}", table.nominal.as_ref().unwrap()));
        assert_ne!(table.rows[0].mean, table.rows[2].mean, "the sweep reaches the physics");
    }

    #[test]
    fn the_return_is_the_undiscounted_sum_of_the_rewards() {
        // The cart-pole pays 1 a step.
        let table = run(&actor(4, 2), &systems(&[SWEEP]), Evaluation::default()).unwrap();
        for row in &table.rows {
            assert_eq!(row.mean, row.length);
            assert!(row.length > 1.0, "a discount shows from the second step on");
        }
    }

    #[test]
    fn a_robot_that_falls_in_its_last_step_did_not_stand_still() {
        let hopper = Task::new(TaskName::HOPPER).spec();
        let length = hopper.episode_limit;
        let still =
            |outcome| episode(&hopper, &EpisodeResult { ret: 1e3, length, forward: 0.0, outcome }).still;
        assert_eq!((still(Outcome::Truncated), still(Outcome::Terminated)), (Some(true), Some(false)));
    }

    #[test]
    fn seed_and_mode_select_other_episodes() {
        let actor = actor(4, 2);
        let means =
            |options| run(&actor, &systems(&[SWEEP]), options).unwrap().rows.iter().map(|r| r.mean).collect();
        let base: Vec<f64> = means(Evaluation::default());
        assert_ne!(base, means(Evaluation { seed: 1, ..Evaluation::default() }));
        assert_ne!(base, means(Evaluation { stochastic: true, ..Evaluation::default() }));
    }

    #[test]
    fn nobody_waits_for_all_episodes_of_a_system_and_pieces_change_nothing() {
        let actor = actor(4, 2);
        let systems = systems(&["pole_half_length=2"]);
        let mut asked = 0;
        let mut stop = |_: Progress| {
            asked += 1;
            if asked > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // Long, if they were not in pieces.
        let options = Evaluation { episodes: 2_000_000, ..Evaluation::default() };
        let stopped = journalled(&actor, &systems, options, &mut Journal::none(), &mut stop);
        assert!(matches!(stopped, Err(EvaluationError::Interrupted { done: 0, total: 2 })));
        // More than one piece on one thread, one on sixteen.
        let options = Evaluation { episodes: 1500, ..Evaluation::default() };
        let [one, many] =
            [1, 16].map(|threads| run(&actor, &systems, Evaluation { threads, ..options }).unwrap());
        assert_eq!(text(&one), text(&many));
    }

    #[test]
    fn progress_counts_up_and_a_stopped_evaluation_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.partial");
        let actor = actor(4, 2);
        let options = Evaluation::default();
        let mut stop =
            |p: Progress| if p.done > 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let mut journal = Journal::open(&path).unwrap();
        let stopped = journalled(&actor, &systems(&[SWEEP]), options, &mut journal, &mut stop);
        assert!(matches!(stopped, Err(EvaluationError::Interrupted { done: 5..10, total: 10 })));

        let mut seen = Vec::new();
        let mut record = |p: Progress| {
            seen.push(p.done);
            ControlFlow::Continue(())
        };
        let mut journal = Journal::open(&path).unwrap();
        let resumed = journalled(&actor, &systems(&[SWEEP]), options, &mut journal, &mut record).unwrap();
        assert!(seen[0] > 4 && seen[seen.len() - 1] == 10, "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(text(&resumed), text(&run(&actor, &systems(&[SWEEP]), options).unwrap()));

        // Other options are other results: nothing known is taken for them.
        seen.clear();
        let other = Evaluation { seed: 1, ..options };
        let mut record = |p: Progress| {
            seen.push(p.done);
            ControlFlow::Continue(())
        };
        journalled(&actor, &systems(&[SWEEP]), other, &mut journal, &mut record).unwrap();
        assert_eq!(seen[0], 0);
    }

    #[test]
    fn senseless_evaluations_are_refused() {
        let none = Evaluation { episodes: 0, ..Evaluation::default() };
        let refused = run(&actor(4, 2), &systems(&[SWEEP]), none);
        assert!(matches!(refused, Err(EvaluationError::NoEpisode)));
        let refused = |actor| run(&actor, &systems(&[SWEEP]), Evaluation::default()).unwrap_err().to_string();
        assert!(refused(actor(5, 2)).contains("observes 5 numbers, the task gives 4"));
        assert!(refused(actor(4, 3)).contains("actions"));
        let classic_hopper = Grid::new(
            &Task::new(TaskName::HOPPER).space(),
            vec!["torso_density=500:3000:3".parse().unwrap()],
        );
        let systems = classic_hopper.unwrap().systems();
        assert!(matches!(run(&actor(4, 2), &systems, Evaluation::default()), Err(EvaluationError::Sim(_))));
    }
}
