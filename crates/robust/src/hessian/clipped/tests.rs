use super::*;
use wr2l_rng::{Purpose, Stream, StreamKey};

/// The limit that is tested.
const SHARE: f64 = 0.001;

fn one_dimensional(values: impl IntoIterator<Item = f64>) -> Contributions {
    let values: Vec<f64> = values.into_iter().collect();
    let mut contributions = Contributions::new(1);
    contributions.extend(&values, std::iter::repeat_n(1, values.len()));
    contributions
}

fn estimate(contributions: &Contributions, share: f64) -> HessianEstimate {
    contributions.mean(&contributions.weights(share), 0).unwrap()
}

/// Mostly near 1; one in 2,000 is 1,000 times that, as a hard contact is. The mean is 1.5 but for the sixth digit.
fn heavy(stream: &mut Stream) -> f64 {
    let usual = stream.uniform(0.5, 1.5);
    if stream.uniform(0.0, 1.0) < 5e-4 { 1000.0 * usual } else { usual }
}

fn stream(seed: u64) -> Stream {
    StreamKey::new(seed, Purpose::Test).stream()
}

#[test]
fn no_pair_makes_up_more_than_its_share_and_only_those_that_would_are_held_down() {
    let mut draws = stream(1);
    let values: Vec<f64> = (0..30_000).map(|_| heavy(&mut draws)).collect();
    let contributions = one_dimensional(values.clone());
    let weights = contributions.weights(SHARE);
    let total: f64 = values.iter().zip(&weights).map(|(v, w)| v * w).sum();
    for (value, weight) in values.iter().zip(&weights) {
        assert!(value * weight <= SHARE * total * (1.0 + 1e-6), "{value} {weight}");
        let would = *value > SHARE * total * (1.0 + 1e-6);
        assert_eq!(*weight < 1.0, would, "{value} {weight}");
    }
    assert!(weights.iter().any(|w| *w < 1.0));
    assert!(contributions.weights(1.0).iter().all(|w| *w == 1.0));
}

#[test]
fn the_stated_error_covers_a_heavy_tail_of_which_the_plain_mean_knows_nothing() {
    // 1,500 pairs: of every two samples one has none of the rare large ones, and thinks that it knows the mean well.
    let truth = 0.9995 + 5e-4 * 1000.0;
    let outside = |share: f64, count: usize| {
        (0..200)
            .filter(|&seed| {
                let mut draws = stream(seed);
                let e = estimate(&one_dimensional((0..count).map(|_| heavy(&mut draws))), share);
                let whole = e.matrix[(0, 0)] / (1.0 - e.cut[0]);
                let noise = e.standard_error[(0, 0)] + whole * e.cut_error[0];
                (e.matrix[(0, 0)] - truth).abs() > 3.0 * noise + whole * e.cut[0]
            })
            .count()
    };
    let plain = outside(1.0, 1_500);
    assert!(plain > 60, "the plain mean is off by more than three of its errors in {plain} of 200");
    // With as many pairs as have the large ones among them, and the share, the error holds.
    let held = outside(SHARE, 20_000);
    assert!(held <= 6, "{held} of 200");
}

#[test]
fn however_heavy_the_tail_the_standard_error_of_independent_pairs_stays_below_the_root_of_the_share() {
    for seed in 0..20 {
        let mut draws = stream(seed);
        // Without a mean, let alone a variance.
        let values = (0..20_000).map(|_| draws.uniform(0.0, 1.0).powi(-2));
        let contributions = one_dimensional(values);
        let held = estimate(&contributions, SHARE);
        assert!(held.relative_error <= SHARE.sqrt() * 1.01, "{}", held.relative_error);
        assert!(held.cut[0] > 0.5, "and what it cost is stated: {}", held.cut[0]);
        assert!(estimate(&contributions, 1.0).relative_error > 0.1);
    }
}

#[test]
fn from_seed_to_seed_it_spreads_less_than_the_plain_mean_and_no_more_than_it_says() {
    let spread = |share: f64| {
        let all: Vec<HessianEstimate> = (0..100)
            .map(|seed| {
                let mut draws = stream(seed);
                estimate(&one_dimensional((0..5_000).map(|_| draws.uniform(0.0, 1.0).powf(-0.7))), share)
            })
            .collect();
        let values = || all.iter().map(|e| e.matrix[(0, 0)]);
        let mean = values().sum::<f64>() / 100.0;
        let spread = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / 99.0).sqrt();
        let stated = all.iter().map(|e| e.standard_error[(0, 0)] + e.cut[0] * mean).sum::<f64>() / 100.0;
        (spread / mean, stated / mean)
    };
    let (plain, _) = spread(1.0);
    let (held, stated) = spread(SHARE);
    assert!(held < 0.5 * plain, "{held} {plain}");
    assert!(held < 1.2 * stated, "{held} {stated}");
}

#[test]
fn pairs_of_one_trajectory_that_resemble_each_other_count_as_one() {
    let mut draws = stream(5);
    let values: Vec<f64> = (0..400).map(|_| draws.uniform(0.0, 2.0)).collect();
    let single = estimate(&one_dimensional(values.clone()), 1.0);
    let mut repeated = Contributions::new(1);
    let thrice: Vec<f64> = values.iter().flat_map(|v| [*v; 3]).collect();
    repeated.extend(&thrice, std::iter::repeat_n(3, 400));
    let repeated = estimate(&repeated, 1.0);
    assert!((repeated.matrix[(0, 0)] - single.matrix[(0, 0)]).abs() < 1e-12);
    assert!((repeated.standard_error[(0, 0)] / single.standard_error[(0, 0)] - 1.0).abs() < 1e-9);
    // And it is that of a mean: 400 numbers of variance 1/3.
    assert!((single.standard_error[(0, 0)] / (1.0_f64 / 3.0 / 400.0).sqrt() - 1.0).abs() < 0.1);
}

#[test]
fn without_a_limit_it_is_the_mean_of_the_matrices_and_few_pairs_keep_their_weight() {
    let mut contributions = Contributions::new(2);
    contributions.extend(&[4.0, 1.0, 2.0, 0.0, -1.0, 6.0], [1, 1]);
    let expected = DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 4.0]);
    for share in [1.0, 1e-6] {
        assert_eq!(estimate(&contributions, share).matrix, expected, "{share}");
        assert_eq!(estimate(&contributions, share).cut, [0.0, 0.0]);
    }
    assert!(contributions.leverage(&[1.0, 1.0]).iter().sum::<f64>() - 2.0 < 1e-12);
    let nothing = one_dimensional([0.0, 0.0]);
    assert!(matches!(nothing.mean(&[1.0, 1.0], 0), Err(RobustError::NoCurvature { .. })));
    assert!(estimate(&one_dimensional([1.0]), 1.0).standard_error[(0, 0)].is_infinite());
}

#[test]
fn weights_are_free_of_units() {
    let mut draws = stream(7);
    let values: Vec<f64> = (0..3_000).map(|_| heavy(&mut draws)).collect();
    // Powers of two, so that nothing is rounded.
    let of = |unit: f64| one_dimensional(values.iter().map(|v| v * unit)).weights(0.01);
    assert!(of(1.0).iter().any(|w| *w < 1.0));
    assert_eq!(of(1.0), of(2_f64.powi(-40)));
}

#[test]
fn pairs_count_one_on_average_whatever_they_weigh_and_however_many_parameters_move_nothing() {
    let mut draws = stream(8);
    let mut contributions = Contributions::new(2);
    // The second parameter moves nothing.
    let packed: Vec<f64> = (0..3_000).flat_map(|_| [heavy(&mut draws), 0.0, 0.0]).collect();
    contributions.extend(&packed, [3_000]);
    let weights = contributions.weights(0.01);
    let leverage = contributions.leverage(&weights);
    assert!((leverage.iter().sum::<f64>() / 3_000.0 - 1.0).abs() < 1e-9);
    let ratio = |i: usize| leverage[i] / (weights[i] * packed[3 * i]);
    assert!((0..3_000).all(|i| (ratio(i) / ratio(0) - 1.0).abs() < 1e-9));
}
