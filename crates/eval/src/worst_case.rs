//! The worst system that a search finds for a policy: Phase I, by a surrogate or along gradients, from several starts.

use std::ops::ControlFlow;

use wr2l_rl::{Actor, Executor, Threads};
use wr2l_robust::attack::SurrogateSearch;
use wr2l_robust::gradient::{Gradient, GradientEstimator};
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{Look, Objective, RobustError, SimulatedReturn, ball::Ball};
use wr2l_sim::{DynamicsSpace, Physics, Simulator, Task};

use crate::axis::{SweepError, Systems};
use crate::evaluate::{Evaluation, EvaluationError, Progress, Subject, check_policy, fingerprint};
use crate::journal::Journal;

/// How the worst system is searched for.
///
/// The policy does not change meanwhile, so that a search that looks everywhere is worth its cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Episodes to spend, at least those of one search: searches from new starts begin while the last one's cost is
    /// left. Default 10,000.
    pub budget: u64,
    /// Episodes that each value of J is averaged over. Default 1 for a surrogate, which averages by itself, 4 for gradients.
    pub episodes: usize,
    /// One search. By a surrogate: of up to 500 evaluations. Along gradients: from the worst of 16 random points of the
    /// boundary.
    pub phase_one: PhaseOne,
}

impl Search {
    /// The usual search of a `kind` in `dim` dimensions.
    pub fn usual(kind: SearchKind, dim: usize, budget: u64) -> Self {
        let (episodes, phase_one) = match kind {
            SearchKind::Surrogate => {
                // Two more compare what was found with the reference.
                let evaluations = budget.min(SURROGATE_BUDGET).saturating_sub(2).max(1) as usize;
                let surrogate = SurrogateSearch { budget: evaluations, ..SurrogateSearch::default() };
                (1, PhaseOne { surrogate, ..PhaseOne::default() })
            }
            // Least squares, on more pairs than parameters.
            SearchKind::Gradient => {
                let pairs = (dim + 4).max(8);
                let gradient =
                    Gradient { estimator: GradientEstimator::LeastSquares, pairs, ..Gradient::default() };
                (4, PhaseOne { max_inner: 4, starts: 16, gradient, ..PhaseOne::default() })
            }
        };
        Self { budget, episodes, phase_one: PhaseOne { search: kind, ..phase_one } }
    }
}

/// Evaluations of one search by a surrogate. Fitting it then takes a fifth to a third of the time on the planar physics
/// (`docs/beyond-the-paper.md`), and the more the more it has seen.
const SURROGATE_BUDGET: u64 = 500;

/// Searches `set` (in z of `space`) for the system on which the policy returns least: one system a search, the worst of
/// them first. It stands first as compared on fresh random numbers that all of them share; [`evaluate`](crate::evaluate())
/// then measures it on episodes that took no part in choosing it, so that its mean return is not too low by selection.
///
/// The policy acts as `options` say, and returns are undiscounted, as in the evaluation. A search in which the physics
/// breaks down at a point where J is needed comes to nothing. Searches that `journal` knows are not repeated.
/// `progress` counts episodes.
///
/// # Errors
/// [`EvaluationError`]; [`EvaluationError::NoWorst`] if every search came to nothing.
#[expect(clippy::too_many_arguments, reason = "each is another thing; no two are swapped without notice")]
pub fn search_worst(
    subject: Subject<'_>,
    task: Task,
    physics: Option<Physics>,
    space: &DynamicsSpace,
    set: &Ball,
    options: Evaluation,
    search: Search,
    journal: &mut Journal,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Systems, EvaluationError> {
    let simulator = Simulator::new(task, physics, space.clone())?;
    let mut threads = Threads::new(&simulator, options.threads)?;
    search_worst_on(&mut threads, subject, set, options, search, journal, progress)
}

/// [`search_worst`], on an executor of one's own: in z of the parameters that its simulator varies. `options.threads` says
/// nothing here.
///
/// # Errors
/// Those of [`search_worst`].
pub fn search_worst_on(
    executor: &mut dyn Executor,
    subject: Subject<'_>,
    set: &Ball,
    options: Evaluation,
    search: Search,
    journal: &mut Journal,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Systems, EvaluationError> {
    let simulator = executor.simulator().clone();
    let space = simulator.space();
    check_policy(subject.actor, &simulator)?;
    let print = fingerprint("search", subject.actor, &simulator, options).text(&format!("{search:?}")).text(
        &format!("{:?} {:?} {:?} {:?}", set.epsilon(), set.metric().hessian(), set.lower(), set.upper()),
    );
    let total = search.budget as usize;
    let mut objective = Returns {
        executor,
        actor: subject.actor,
        episodes: search.episodes.max(1),
        stochastic: options.stochastic,
        seed: options.seed,
        turn: 0,
        spent: 0,
        total,
        progress,
        stopped: false,
    };
    let reference = vec![0.0; space.dim()];
    let mut found: Vec<Vec<f64>> = Vec::new();
    let mut last = String::new();
    loop {
        let (turn, before) = (objective.turn, objective.spent);
        let key = print.numbers(&[turn as f64]).key();
        let z = match journal.get(key) {
            Some([spent, z @ ..]) if z.len() == space.dim() || z.is_empty() => {
                objective.spent += *spent as usize;
                z.to_vec()
            }
            _ => {
                let z = match search.phase_one.run(&mut objective, set, &reference, options.seed, turn) {
                    Ok(report) => report.z,
                    Err(_) if objective.stopped => {
                        return Err(EvaluationError::Interrupted { done: objective.spent, total });
                    }
                    Err(error @ RobustError::Diverged { .. }) => {
                        last = error.to_string();
                        Vec::new()
                    }
                    Err(error) => return Err(error.into()),
                };
                let spent = (objective.spent - before) as f64;
                journal.put(vec![(key, [&[spent], z.as_slice()].concat())])?;
                z
            }
        };
        if !z.is_empty() {
            found.push(z);
        }
        objective.turn += 1;
        let cost = objective.spent - before;
        if objective.spent + cost > total {
            break;
        }
    }
    if found.is_empty() {
        return Err(EvaluationError::NoWorst { searches: objective.turn, last });
    }
    let worst = if found.len() == 1 { 0 } else { objective.lowest(&found, options.episodes as usize)? };
    found[..=worst].rotate_right(1);
    let mut phi: Vec<f64> = found.iter().flat_map(|z| space.physical(z)).collect();
    for phi in phi.chunks_mut(space.dim()) {
        // Rounding on the way from z may step over a bound by a last bit.
        for (value, p) in phi.iter_mut().zip(space.parameters()) {
            *value = value.clamp(p.lower, p.upper);
        }
    }
    Systems::new(space.clone(), phi).map_err(|error| match error {
        SweepError::Space(error) => EvaluationError::Sim(error.into()),
        // Neither empty nor too many.
        other => EvaluationError::NoWorst { searches: objective.turn, last: other.to_string() },
    })
}

/// J(z) as the evaluation measures it, which counts its episodes and can be stopped.
struct Returns<'a> {
    executor: &'a mut dyn Executor,
    actor: &'a Actor,
    episodes: usize,
    stochastic: bool,
    seed: u64,
    /// Number of the search, which keys its random numbers.
    turn: u64,
    spent: usize,
    total: usize,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    stopped: bool,
}

impl Returns<'_> {
    /// Which of the points has the lowest J on common random numbers, over at least `episodes`.
    fn lowest(&mut self, points: &[Vec<f64>], episodes: usize) -> Result<usize, EvaluationError> {
        self.episodes = self.episodes.max(episodes);
        let mut values = Vec::with_capacity(points.len());
        for z in points {
            match self.evaluate(z, 0) {
                Ok(value) => values.extend(value),
                Err(_) if self.stopped => {
                    return Err(EvaluationError::Interrupted { done: self.spent, total: self.total });
                }
                // What breaks the physics is not the worst system: it is none.
                Err(RobustError::Diverged { .. }) => values.push(f64::INFINITY),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((0..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0))
    }
}

impl Objective for Returns<'_> {
    fn dim(&self) -> usize {
        self.executor.space().dim()
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        self.evaluate_looks(points, &Look::each(points.len() / self.dim(), draw))
    }

    fn evaluate_looks(&mut self, points: &[f64], looks: &[Look]) -> Result<Vec<f64>, RobustError> {
        let episodes = self.episodes * looks.len();
        let (done, total) = (self.spent.min(self.total), self.total);
        let (progress, stopped) = (&mut self.progress, &mut self.stopped);
        let mut go_on = || {
            let answer = progress(Progress { done, total });
            *stopped |= answer.is_break();
            answer
        };
        // As in training: undiscounted here, and diverging physics never looks like a bad return.
        let mut returns =
            SimulatedReturn::new(self.executor, self.actor, self.episodes, 1.0, self.seed, self.turn)
                .with_stochastic(self.stochastic);
        let values = returns.evaluate_while(points, looks, &mut go_on);
        self.spent += episodes;
        values
    }
}

#[cfg(test)]
mod tests {
    use wr2l_nn::{Normaliser, Policy};
    use wr2l_rng::{Purpose, StreamKey};
    use wr2l_sim::{ActionSpace, TaskName};

    use super::*;
    use crate::random::Region;
    use crate::table::Training;

    /// A cart-pole policy that pushes to where the pole falls: it balances ordinary poles, and not short ones.
    fn actor() -> Actor {
        let policy = Policy::categorical(4, &[2], 2).unwrap();
        let mut params = vec![0.0; policy.parameters()];
        policy.initialise(&mut StreamKey::new(3, Purpose::Test).stream(), &mut params);
        let actions = ActionSpace::Discrete { n: 2 };
        Actor::new(policy, params, Normaliser::identity(4), actions).unwrap()
    }

    const BOTH: [SearchKind; 2] = [SearchKind::Surrogate, SearchKind::Gradient];

    fn space() -> DynamicsSpace {
        Task::new(TaskName::CARTPOLE).space().select(&["pole_half_length", "gravity"]).unwrap()
    }

    fn set() -> Ball {
        Region::Box(0.5).search_set(&space()).unwrap().unwrap()
    }

    fn find(
        search: Search,
        options: Evaluation,
        journal: &mut Journal,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Systems, EvaluationError> {
        let actor = actor();
        let subject = Subject { actor: &actor, method: "ppo", policy: "a", training: &Training::default() };
        let task = Task::new(TaskName::CARTPOLE);
        search_worst(subject, task, None, &space(), &set(), options, search, journal, progress)
    }

    fn search(
        kind: SearchKind,
        threads: usize,
        budget: u64,
        journal: &mut Journal,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Systems, EvaluationError> {
        let options = Evaluation { episodes: 4, threads, ..Evaluation::default() };
        // Short searches, and so several of them.
        find(Search { budget, ..Search::usual(kind, 2, 100) }, options, journal, progress)
    }

    fn go_on(_: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn the_worst_system_is_worse_than_the_reference_and_the_same_for_any_threads() {
        let actor = actor();
        let subject = Subject { actor: &actor, method: "ppo", policy: "a", training: &Training::default() };
        let options = Evaluation::default();
        for kind in BOTH {
            let one = search(kind, 1, 1000, &mut Journal::none(), &mut go_on).unwrap();
            assert_eq!(one, search(kind, 2, 1000, &mut Journal::none(), &mut go_on).unwrap());
            assert!(one.len() > 1 && one.len() < 20, "{}", one.len());
            let task = Task::new(TaskName::CARTPOLE);
            let table = crate::evaluate(subject, task, None, &one, options, &mut Journal::none(), &mut go_on)
                .unwrap();
            assert!(table.rows[0].mean < table.nominal.unwrap().mean);
        }
    }

    #[test]
    fn the_usual_search_fits_its_budget_and_has_more_pairs_than_parameters_but_not_many_more() {
        for dim in 1..40 {
            let usual = Search::usual(SearchKind::Gradient, dim, 10_000);
            assert!((dim + 1..=dim + 7).contains(&usual.phase_one.gradient.pairs), "{usual:?}");
            assert_eq!((usual.episodes, usual.phase_one.starts, usual.budget), (4, 16, 10_000));
        }
        for budget in [3, 10, 499, 500, 501, 10_000] {
            let usual = Search::usual(SearchKind::Surrogate, 2, budget);
            assert_eq!(usual.phase_one.surrogate.budget as u64 + 2, budget.min(500));
            assert_eq!(usual.episodes, 1);
        }
    }

    /// Searches so short that they find different systems, some of them by luck.
    fn short() -> Search {
        let surrogate = SurrogateSearch { budget: 5, ..SurrogateSearch::default() };
        let phase_one = PhaseOne { search: SearchKind::Surrogate, surrogate, ..PhaseOne::default() };
        Search { budget: 60, episodes: 1, phase_one }
    }

    fn executor() -> Threads {
        Threads::new(&Simulator::new(Task::new(TaskName::CARTPOLE), None, space()).unwrap(), 1).unwrap()
    }

    /// J of the points over two episodes with drawn actions, in turn `turn`.
    fn compared(points: &[Vec<f64>], seed: u64, turn: u64) -> Vec<f64> {
        let (mut executor, actor) = (executor(), actor());
        SimulatedReturn::new(&mut executor, &actor, 2, 1.0, seed, turn).evaluate(&points.concat(), 0).unwrap()
    }

    #[test]
    fn every_search_has_its_own_random_numbers_and_the_worst_comes_first_by_others_still() {
        let (search, set, actor, mut executor) = (short(), set(), actor(), executor());
        let mut lucky = 0;
        for seed in 0..8 {
            let options = Evaluation { episodes: 2, stochastic: true, seed, ..Evaluation::default() };
            let found = find(search, options, &mut Journal::none(), &mut go_on).unwrap();
            let searches = found.len();
            assert!(searches > 5, "{searches}");
            let mut own = |turn| {
                let mut j = SimulatedReturn::new(&mut executor, &actor, search.episodes, 1.0, seed, turn);
                search.phase_one.run(&mut j, &set, &[0.0, 0.0], seed, turn).unwrap().z
            };
            let mut expected: Vec<Vec<f64>> = (0..searches as u64).map(&mut own).collect();
            let values = compared(&expected, seed, searches as u64);
            let worst = (0..searches).min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
            let used = compared(&expected, seed, 0);
            lucky += usize::from((0..searches).any(|i| used[i] < used[worst]));
            let first = expected.remove(worst);
            expected.insert(0, first);
            let found = found.phi().chunks(2).flat_map(|phi| space().normalised(phi));
            for (found, expected) in found.zip(expected.concat()) {
                assert!((found - expected).abs() < 1e-12, "seed {seed}: {found} {expected}");
            }
        }
        assert!(lucky > 3, "on the random numbers of a search another one would often come first: {lucky}");
    }

    #[test]
    fn a_search_that_is_stopped_says_so_whenever_it_is_and_counts_its_episodes() {
        let (options, mut done) = (Evaluation { episodes: 2, ..Evaluation::default() }, Vec::new());
        let mut watch = |p: Progress| {
            done.push(p.done);
            ControlFlow::Continue(())
        };
        let found = find(short(), options, &mut Journal::none(), &mut watch).unwrap().len();
        // Up to seven episodes a search, and the two of the comparison beside them.
        assert!(done.len() > 20 && done.is_sorted() && done[0] == 0, "{done:?}");
        assert!((5 * found..=60).contains(done.last().unwrap()), "{done:?}");
        for most in 0..done.len() {
            let mut calls = 0;
            let mut stop = |_: Progress| {
                calls += 1;
                if calls > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let stopped = find(short(), options, &mut Journal::none(), &mut stop);
            assert!(matches!(stopped, Err(EvaluationError::Interrupted { .. })), "after {most}: {stopped:?}");
        }
    }

    #[test]
    fn nobody_waits_for_all_episodes_that_the_worst_of_several_is_looked_for_over() {
        let many = Evaluation { episodes: 2_000_000, ..Evaluation::default() };
        let mut after = 0;
        // Counts on from when the budget is spent.
        let mut stop = |p: Progress| {
            after += usize::from(p.done == p.total || p.done > 40);
            if after > 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = find(short(), many, &mut Journal::none(), &mut stop);
        assert!(matches!(stopped, Err(EvaluationError::Interrupted { .. })), "{stopped:?}");
    }

    #[test]
    fn where_every_system_breaks_the_physics_the_first_is_as_good_as_any() {
        let task = Task::new(TaskName::INVERTED_PENDULUM);
        let simulator =
            Simulator::new(task.clone(), None, task.space().select(&["pole_length"]).unwrap()).unwrap();
        let policy = Policy::gaussian(simulator.spec().obs_dim, &[2], 1).unwrap();
        // An infinite mean and infinite noise of the other sign: actions soon are no numbers.
        let network = policy.mlp().parameters();
        let params =
            (0..policy.parameters()).map(|i| if i < network { f32::MAX } else { 1e3 }).collect::<Vec<_>>();
        let normaliser = Normaliser::identity(simulator.spec().obs_dim);
        let actor = Actor::new(policy, params, normaliser, simulator.spec().actions.clone()).unwrap();
        let mut returns = Returns {
            executor: &mut Threads::new(&simulator, 1).unwrap(),
            actor: &actor,
            episodes: 2,
            stochastic: true,
            seed: 1,
            turn: 0,
            spent: 0,
            total: 100,
            progress: &mut go_on,
            stopped: false,
        };
        let points = [vec![0.0], vec![0.1]];
        assert!(matches!(returns.evaluate(&points[0], 0), Err(RobustError::Diverged { .. })));
        assert_eq!(returns.lowest(&points, 2).unwrap(), 0);
    }

    #[test]
    fn a_stopped_search_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.partial");
        let kind = SearchKind::Surrogate;
        let whole = search(kind, 1, 1000, &mut Journal::none(), &mut go_on).unwrap();
        let mut stop =
            |p: Progress| if p.done > 500 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let stopped = search(kind, 1, 1000, &mut Journal::open(&path).unwrap(), &mut stop);
        assert!(matches!(stopped, Err(EvaluationError::Interrupted { .. })));
        let mut first = None;
        let mut watch = |p: Progress| {
            first.get_or_insert(p.done);
            ControlFlow::Continue(())
        };
        assert_eq!(search(kind, 1, 1000, &mut Journal::open(&path).unwrap(), &mut watch).unwrap(), whole);
        assert!(first.unwrap() > 0, "the first search was known");
    }
}
