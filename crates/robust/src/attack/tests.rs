use proptest::prelude::*;

use super::*;
use crate::ball::Metric;
use crate::linalg::dot;
use crate::{DMatrix, FnObjective, Look};

fn ball(dim: usize, radius: f64, bound: f64) -> Ball {
    let metric = Metric::new(&DMatrix::identity(dim, dim), Metric::DEFAULT_RIDGE).unwrap();
    Ball::new(metric, 0.5 * radius * radius, vec![-bound; dim], vec![bound; dim]).unwrap()
}

fn search(budget: usize) -> SurrogateSearch {
    SurrogateSearch { budget, ..SurrogateSearch::default() }
}

/// An objective that counts, and says at which points its physics breaks down.
struct Counted<F> {
    dim: usize,
    function: F,
    evaluations: usize,
}

impl<F: FnMut(&[f64], u64) -> Option<f64>> Objective for Counted<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        let broken = |z: &[f64]| RobustError::Diverged { z: z.to_vec(), what: "a test".into() };
        let values = points.chunks_exact(self.dim).map(|z| (self.function)(z, draw).ok_or_else(|| broken(z)));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        self.evaluations += values.len();
        Ok(values)
    }
}

#[test]
fn a_linear_return_in_many_dimensions_is_minimised_nearly_and_far_better_than_by_chance() {
    let (ball, dim) = (ball(20, 1.0, 9.0), 20);
    let slope: Vec<f64> = (0..dim).map(|i| (i as f64 * 0.7).sin()).collect();
    let size = slope.iter().map(|s| s * s).sum::<f64>().sqrt();
    let found = |options: SurrogateSearch| {
        let mut j =
            FnObjective::new(dim, |z: &[f64]| slope.iter().zip(z).map(|(s, z)| s * z).sum::<f64>() / size);
        options.run(&mut j, &ball, &[], 3, 0).unwrap().value
    };
    // The minimum is −1.
    assert!(found(search(300)) < -0.97, "{}", found(search(300)));
    assert!(found(SurrogateSearch { first: 1.0, ..search(300) }) > -0.85);
}

#[test]
fn a_cliff_far_out_is_found_where_every_gradient_is_zero() {
    let ball = ball(5, 1.0, 0.8);
    let mut j = FnObjective::new(5, |z: &[f64]| if z[1] - z[3] > 1.2 { 10.0 } else { 3000.0 });
    let found = search(300).run(&mut j, &ball, &[], 1, 0).unwrap();
    assert!(found.value == 10.0 && ball.contains(&found.z));
}

#[test]
fn a_single_stroke_of_bad_luck_is_not_taken_for_a_bad_point() {
    // Every fiftieth look, wherever it is, is very low; one side is always rather low.
    let mut looks = 0;
    let noisy = |z: &[f64], _| {
        looks += 1;
        Some(if looks % 50 == 0 { -500.0 } else { 10.0 * z[0] })
    };
    let mut j = Counted { dim: 2, function: noisy, evaluations: 0 };
    let found = search(200).run(&mut j, &ball(2, 1.0, 9.0), &[], 5, 0).unwrap();
    assert!(found.z[0] < -0.8, "{found:?}");
}

#[test]
fn known_points_are_looked_at() {
    // A needle that no search finds.
    let needle = [0.3, -0.1];
    let mut j = FnObjective::new(2, |z: &[f64]| if z == needle { 0.0 } else { 100.0 });
    let found = search(20).run(&mut j, &ball(2, 1.0, 9.0), &[needle.to_vec()], 1, 0).unwrap();
    assert_eq!((found.z.as_slice(), found.value), (needle.as_slice(), 0.0));
    let bad = search(20).run(&mut j, &ball(2, 1.0, 9.0), &[vec![f64::NAN; 2]], 1, 0);
    assert!(matches!(bad, Err(RobustError::NotFinite { .. })));
}

#[test]
fn points_where_the_physics_breaks_down_are_never_chosen() {
    let ball = ball(2, 1.0, 9.0);
    let run = |limit: f64| {
        let function = |z: &[f64], _| (z[0] > limit).then_some(z[0]);
        let mut j = Counted { dim: 2, function, evaluations: 0 };
        search(100).run(&mut j, &ball, &[], 2, 0)
    };
    let found = run(-0.5).unwrap();
    assert!(found.z[0] > -0.5 && found.z[0] < -0.3, "{found:?}");
    assert!(matches!(run(2.0), Err(RobustError::Diverged { .. })), "no point is left");
}

#[test]
fn returns_that_are_no_numbers_and_options_that_make_no_sense_are_refused() {
    let ball = ball(2, 1.0, 9.0);
    let mut j = FnObjective::new(2, |_: &[f64]| f64::NAN);
    assert!(matches!(search(50).run(&mut j, &ball, &[], 1, 0), Err(RobustError::NotFinite { .. })));
    let usual = SurrogateSearch::default();
    assert_eq!(usual.validate(), Ok(()));
    for (options, name) in [
        (SurrogateSearch { budget: 0, ..usual }, "budget"),
        (SurrogateSearch { round: 0, ..usual }, "round"),
        (SurrogateSearch { finalists: 0, ..usual }, "finalists"),
        (SurrogateSearch { first: 0.0, ..usual }, "first"),
        (SurrogateSearch { first: f64::NAN, ..usual }, "first"),
        (SurrogateSearch { last: 1.0, ..usual }, "last"),
        (SurrogateSearch { again: -0.1, ..usual }, "again"),
    ] {
        let error = options.validate().unwrap_err();
        assert!(matches!(error, RobustError::Parameter { name: n, .. } if n == name), "{error}");
    }
}

#[test]
fn a_round_of_more_points_chooses_each_of_them_from_more_candidates() {
    let ball = ball(3, 1.0, 9.0);
    let explorer = Explorer::new(&ball, StreamKey::new(5, Purpose::Test)).unwrap();
    let points = (0..30).map(|k| explorer.first(k).unwrap()).collect();
    let mut seen = Vec::new();
    let mut j = FnObjective::new(3, |z: &[f64]| z[0] * z[1] - z[2]);
    look(&mut j, 0, points, 0, &mut seen).unwrap();
    let first = |count, round| explorer.propose(&seen, count, round).unwrap()[0].z.clone();
    // The lowest of eight times as many is another one seven times out of eight.
    let others = (1..=24).filter(|&round| first(1, round) != first(8, round)).count();
    assert!(others > 12, "{others} of 24");
}

/// What was seen at 30 points of a ball of three parameters, the lowest first.
fn seen_from(explorer: &Explorer<'_>, j: impl FnMut(&[f64]) -> f64) -> Vec<Seen> {
    let mut seen = Vec::new();
    let points = (0..30).map(|k| explorer.first(k).unwrap()).collect();
    look(&mut FnObjective::new(3, j), 0, points, 0, &mut seen).unwrap();
    sort(&mut seen);
    seen
}

#[test]
fn finalists_are_as_many_as_asked_for_and_the_lowest_by_eye_and_by_the_model_among_them() {
    let ball = ball(3, 1.0, 9.0);
    let explorer = Explorer::new(&ball, StreamKey::new(5, Purpose::Test)).unwrap();
    let seen = seen_from(&explorer, |z: &[f64]| z[0] * z[1] - z[2]);
    let (inputs, model) = explorer.fit(&seen, 1).unwrap();
    let modelled: Vec<f64> = inputs.iter().map(|x| dot(&model.features(x), model.mean())).collect();
    let lowest = (0..30).min_by(|&a, &b| modelled[a].total_cmp(&modelled[b])).unwrap();
    for count in [2, 7, 30, 40] {
        let mut chosen = explorer.finalists(&seen, count, 1).unwrap();
        assert_eq!(chosen.len(), count.min(30));
        assert!(chosen.contains(&0) && chosen.contains(&lowest), "{count}: {chosen:?}");
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), count.min(30), "each of them once");
    }
}

#[test]
fn two_of_eight_candidates_lie_where_the_ball_ends_beyond_an_elite() {
    let ball = ball(3, 1.0, 9.0);
    let explorer = Explorer::new(&ball, StreamKey::new(5, Purpose::Test)).unwrap();
    let seen = seen_from(&explorer, |z: &[f64]| z[0]);
    let (_, model) = explorer.fit(&seen, 1).unwrap();
    // Well inside, and not where a linear function would have its end.
    let mut elite = seen[0].clone();
    elite.point = Point::at(vec![0.0, 0.2, 0.0]);
    let elites = [elite];
    for k in 0..400 {
        let mut stream = StreamKey::new(k, Purpose::Test).stream();
        let z = explorer.candidate(&elites, &model, &mut stream, k).unwrap().z;
        if matches!(k % 8, 3 | 4) {
            assert!((ball.value(&z) / ball.epsilon() - 1.0).abs() < 1e-6, "{k}: {z:?}");
            // As far to the side as the widest radius, at most.
            assert!(z[1] > -1e-9, "{k}: {z:?}");
        }
    }
}

#[test]
fn a_comparison_spends_no_more_than_it_may_and_finds_the_lowest() {
    // The lowest is the last: an order that stays as it was finds another.
    let points: Vec<Vec<f64>> = (0..7).map(|i| vec![f64::from((i * 3 + 3) % 7)]).collect();
    for budget in 0..60 {
        let function = |z: &[f64], draw: u64| Some(z[0] + if draw.is_multiple_of(2) { 0.2 } else { -0.2 });
        let mut j = Counted { dim: 1, function, evaluations: 0 };
        let compared = compare(&mut j, &points, budget, 1).unwrap();
        assert!(compared.evaluations <= budget && compared.evaluations == j.evaluations);
        assert_eq!(compared.value.is_some(), compared.evaluations > 0);
        // Less is left than a last look at all who took part in it, at most four, would take.
        assert!(budget - compared.evaluations < 4, "budget {budget}: {compared:?}");
        if budget >= 14 {
            assert_eq!(points[compared.lowest], [0.0], "budget {budget}");
            assert!(compared.value.is_some_and(|value| value.abs() <= 0.2 + 1e-12), "{compared:?}");
        }
    }
}

/// What was asked for at once: how many looks, and under which draws.
struct Asked<F> {
    j: Counted<F>,
    calls: Vec<(usize, Vec<u64>)>,
}

impl<F> Asked<F> {
    fn takes_note(&mut self, looks: &[Look]) {
        let mut draws: Vec<u64> = looks.iter().map(|look| look.draw).collect();
        draws.dedup();
        self.calls.push((looks.len(), draws));
    }
}

impl<F: FnMut(&[f64], u64) -> Option<f64>> Objective for Asked<F> {
    fn dim(&self) -> usize {
        self.j.dim
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        self.takes_note(&Look::each(points.len() / self.j.dim, draw));
        self.j.evaluate(points, draw)
    }

    fn evaluate_looks(&mut self, points: &[f64], looks: &[Look]) -> Result<Vec<f64>, RobustError> {
        self.takes_note(looks);
        self.j.evaluate_looks(points, looks)
    }
}

#[test]
fn a_stage_of_a_comparison_is_asked_for_at_once() {
    let points: Vec<Vec<f64>> = (0..16).map(|i| vec![f64::from(i)]).collect();
    let function = |z: &[f64], _| Some(z[0]);
    let mut j = Asked { j: Counted { dim: 1, function, evaluations: 0 }, calls: Vec::new() };
    let compared = compare(&mut j, &points, 19, 5).unwrap();
    // Nothing is left for sixteen and eight of them; four have two draws each, two five.
    assert_eq!(j.calls, [(8, vec![5, 6]), (10, vec![7, 8, 9, 10, 11])]);
    assert_eq!((compared.lowest, compared.evaluations), (0, 18));
}

#[test]
fn a_round_is_asked_for_at_once() {
    let function = |z: &[f64], _| Some(z[0]);
    let mut j = Asked { j: Counted { dim: 2, function, evaluations: 0 }, calls: Vec::new() };
    let found = search(64).run(&mut j, &ball(2, 1.0, 9.0), &[], 5, 0).unwrap();
    // 19 first points, two rounds of at most 16, and a comparison of which two stages are left.
    let sizes: Vec<usize> = j.calls.iter().map(|(looks, _)| *looks).collect();
    assert_eq!((sizes, found.evaluations), (vec![19, 16, 10, 8, 10], 63));
    assert_eq!([&j.calls[1].1, &j.calls[2].1], [&[1], &[2]], "a draw of its own");
}

#[test]
fn the_point_found_is_judged_beside_the_last_comparison_as_it_would_be_afterwards() {
    let function = |z: &[f64], draw: u64| Some(z[0] + (draw % 1009) as f64);
    let asked = || Asked { j: Counted { dim: 2, function, evaluations: 0 }, calls: Vec::new() };
    let ball = ball(2, 1.0, 9.0);
    // Of a budget of 3 nothing is left to compare with: the judge has a call of its own.
    for (budget, sizes) in [(64, vec![19, 16, 10, 8, 13]), (3, vec![1, 2, 2])] {
        let mut j = asked();
        let (found, judged) = search(budget).run_and_judge(&mut j, &ball, &[], (5, 0), 77).unwrap();
        assert_eq!(j.calls.iter().map(|(looks, _)| *looks).collect::<Vec<_>>(), sizes);
        assert_eq!(
            found,
            search(budget).run(&mut asked(), &ball, &[], 5, 0).unwrap(),
            "the search is the same"
        );
        let points = [vec![0.0; 2], found.z].concat();
        assert_eq!(judged.to_vec(), asked().evaluate(&points, 77).unwrap());
    }
}

#[test]
fn who_breaks_under_the_judges_draw_alone_is_an_error_and_who_is_not_found_may_break() {
    let points: Vec<Vec<f64>> = (0..4).map(|i| vec![f64::from(i)]).collect();
    let breaks = |who: f64| move |z: &[f64], draw: u64| (!(z[0] == who && draw == 77)).then_some(z[0]);
    for (who, sound) in [(0.0, false), (1.0, true)] {
        let mut j = Counted { dim: 1, function: breaks(who), evaluations: 0 };
        let judge = Some((&[9.0][..], 77));
        let (compared, judged) = compare_and_judge(&mut j, &points, 24, 1, judge).unwrap();
        assert_eq!((compared.lowest, judged), (0, None), "to be judged by itself");
        let afterwards = objective::evaluate(&mut j, &[9.0, 0.0], 77);
        assert_eq!(afterwards.is_ok(), sound, "{afterwards:?}");
    }
    let mut j = Counted { dim: 1, function: breaks(5.0), evaluations: 0 };
    let (compared, judged) = compare_and_judge(&mut j, &points, 24, 1, Some((&[9.0], 77))).unwrap();
    // Three draws of four points, six of two; the judge's three looks are not of the budget.
    assert_eq!((compared.lowest, judged, compared.evaluations, j.evaluations), (0, Some([9.0, 0.0]), 24, 27));
}

#[test]
fn a_round_looks_again_at_the_lowest_points_and_at_new_ones() {
    let ball = ball(3, 1.0, 9.0);
    let explorer = Explorer::new(&ball, StreamKey::new(5, Purpose::Test)).unwrap();
    let mut seen = seen_from(&explorer, |z: &[f64]| z[0]);
    let lowest: Vec<Vec<f64>> = seen[..3].iter().map(|s| s.point.z.clone()).collect();
    let new = vec![Point::at(vec![0.1, 0.2, 0.3]), Point::at(vec![0.4, 0.5, 0.6])];
    let function = |z: &[f64], _| (z[0] != 0.4).then_some(z[0] + 7.0);
    let mut j = Counted { dim: 3, function, evaluations: 0 };
    look(&mut j, 3, new, 1, &mut seen).unwrap();
    for (one, z) in seen.iter().zip(&lowest) {
        assert_eq!((&one.point.z, one.count), (z, 2));
        assert!((one.mean() - (z[0] + 3.5)).abs() < 1e-12, "the mean of both looks");
    }
    assert!(seen[3..31].iter().all(|one| one.count == 1) && seen.len() == 32);
    assert!(seen[30].mean() == 0.1 + 7.0 && seen[31].broken.is_some());
}

#[test]
fn a_point_that_breaks_under_a_draw_takes_no_part_any_more() {
    let points: Vec<Vec<f64>> = (0..4).map(|i| vec![f64::from(i)]).collect();
    // The lowest breaks under the second draw, the next one under the last.
    let function = |z: &[f64], draw: u64| {
        (!(z[0] == 0.0 && draw == 2 || z[0] == 1.0 && draw == 6)).then_some(z[0] + draw as f64)
    };
    let mut j = Counted { dim: 1, function, evaluations: 0 };
    let compared = compare(&mut j, &points, 24, 1).unwrap();
    // Draws 1 to 3, the last of three points; then 4 to 9 of points 1 and 2, from 7 on of 2 alone.
    assert_eq!((compared.lowest, compared.value), (2, Some(2.0 + 5.0)));
    assert_eq!(compared.evaluations, 4 + 4 + 3 + 3 * 2 + 3);
    // A single point that breaks is the error.
    let mut j = Counted { dim: 1, function: |_: &[f64], _| None, evaluations: 0 };
    assert!(matches!(compare(&mut j, &points, 24, 1), Err(RobustError::Diverged { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever J is: in the ball, within the budget, and the same again.
    #[test]
    fn any_search_stays_in_the_ball_and_its_budget_and_repeats(
        dim in 1_usize..6,
        budget in 1_usize..120,
        bound in 0.05_f64..2.0,
        flat in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let ball = ball(dim, 1.0, bound);
        let run = || {
            let function = |z: &[f64], draw: u64| {
                Some(if flat { 1.0 } else { z.iter().map(|z| (5.0 * z).sin()).sum::<f64>() + draw as f64 % 3.0 })
            };
            let mut j = Counted { dim, function, evaluations: 0 };
            let found = search(budget).run(&mut j, &ball, &[], seed, 4).unwrap();
            assert_eq!(found.evaluations, j.evaluations);
            found
        };
        let found = run();
        prop_assert!(ball.contains(&found.z) && found.evaluations <= budget);
        prop_assert_eq!(run(), found);
    }
}
