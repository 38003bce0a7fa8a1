//! What a search reports is measured on random numbers that took no part in choosing it: otherwise it would be too low.

use std::collections::HashSet;

use proptest::prelude::*;
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::attack::SurrogateSearch;
use wr2l_robust::ball::{Ball, Metric};
use wr2l_robust::phase_one::{PhaseOne, SearchKind, Start};
use wr2l_robust::{DMatrix, Objective, RobustError};

/// A return that slopes, with much noise that every point of a draw shares, and some of each point's own. Remembers
/// every call: its draw, and how many points.
#[derive(Default)]
struct Noisy {
    calls: Vec<(u64, usize)>,
}

fn noisy(z: &[f64], draw: u64) -> f64 {
    let own = z.iter().fold(draw, |key, x| key.wrapping_mul(31).wrapping_add(x.to_bits()));
    let noise = |key| StreamKey::new(key, Purpose::Test).stream().normal();
    z[0] + 5.0 * noise(draw) + 0.3 * noise(own)
}

impl Objective for Noisy {
    fn dim(&self) -> usize {
        2
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        self.calls.push((draw, points.len() / 2));
        Ok(points.chunks_exact(2).map(|z| noisy(z, draw)).collect())
    }
}

fn ball() -> Ball {
    let metric = Metric::new(&DMatrix::identity(2, 2), Metric::DEFAULT_RIDGE).unwrap();
    Ball::new(metric, 0.5, vec![-0.9; 2], vec![2.0; 2]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn phase_one_compares_and_reports_on_a_draw_of_its_own(
        surrogate in any::<bool>(),
        starts in 1_usize..4,
        warm in any::<bool>(),
        max_inner in 0_u32..5,
        budget in 1_usize..40,
        seed in 0_u64..100,
        turn in 0_u64..3,
    ) {
        let options = PhaseOne {
            search: if surrogate { SearchKind::Surrogate } else { SearchKind::Gradient },
            start: if warm { Start::Warm } else { Start::Reference },
            surrogate: SurrogateSearch { budget, ..SurrogateSearch::default() },
            starts,
            max_inner,
            ..PhaseOne::default()
        };
        let mut j = Noisy::default();
        let report = options.run(&mut j, &ball(), &[0.3, -0.2], seed, turn).unwrap();
        let (draw, _) = j.calls.pop().unwrap();
        prop_assert!(j.calls.iter().all(|call| call.0 != draw), "{draw} of {:?}", j.calls);
        prop_assert_eq!(report.value, noisy(&report.z, draw));
        prop_assert_eq!(report.reference_value, noisy(&[0.0, 0.0], draw));
    }

    #[test]
    fn the_finalists_of_a_surrogate_search_are_compared_on_draws_that_found_none_of_them(
        budget in 10_usize..64,
        last in 0.1..0.9,
        finalists in 2_usize..20,
        round in 4_usize..20,
        seed in 0_u64..100,
    ) {
        let options = SurrogateSearch { budget, last, finalists, round, ..SurrogateSearch::default() };
        let mut j = Noisy::default();
        let found = options.run(&mut j, &ball(), &[], seed, 0).unwrap();
        prop_assert_eq!(j.calls.iter().map(|call| call.1).sum::<usize>(), found.evaluations);
        prop_assert!(found.evaluations <= budget);
        // The search comes first, the comparison last.
        let search = (budget - (last * budget as f64) as usize).max(1);
        let (mut spent, mut searched, mut compared) = (0, HashSet::new(), HashSet::new());
        for (draw, points) in j.calls {
            if spent < search {
                searched.insert(draw);
            } else {
                prop_assert!(compared.insert(draw), "draw {draw} twice");
            }
            spent += points;
        }
        prop_assert!(searched.is_disjoint(&compared), "{searched:?} {compared:?}");
    }
}
