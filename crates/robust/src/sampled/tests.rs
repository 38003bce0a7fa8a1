use super::*;
use wr2l_rng::Purpose;

fn stream(seed: u64) -> Stream {
    StreamKey::new(seed, Purpose::Test).stream()
}

fn trajectory(from: u64, len: u64) -> Trajectory {
    Trajectory {
        states: (from..from + len).map(|i| i as f64).collect(),
        // Two numbers an action.
        actions: (from..from + len).flat_map(|i| [-(i as f64), 2.0 * i as f64]).collect(),
        len,
    }
}

#[test]
fn every_transition_is_as_likely_to_be_kept_as_any_other() {
    // Three of the same length: together every third of each is taken once.
    let wave: Vec<Trajectory> = (0..3).map(|_| trajectory(0, 10)).collect();
    let (pairs, lengths) = thinned(&wave, 6, 3, 1, 2);
    let mut states = pairs.states.clone();
    states.sort_by(f64::total_cmp);
    assert_eq!(states, (0..10).map(f64::from).collect::<Vec<_>>());
    assert_eq!((lengths, pairs.len, pairs.simulator_steps), (vec![4, 3, 3], 10, 30));
    assert!(pairs.states.iter().zip(pairs.actions.chunks(2)).all(|(s, a)| *a == [-s, 2.0 * s]));
    assert_eq!(thinned(&wave, 0, 1, 1, 2).0.len, 30);
}

#[test]
fn the_pairs_that_are_kept_have_the_mean_of_all_and_far_less_of_its_noise() {
    // Distances with a heavy tail: a Pareto distribution with an infinite variance.
    let mut draws = stream(1);
    let distance: Vec<f64> = (0..20_000).map(|_| draws.uniform(0.0, 1.0).powf(-0.6)).collect();
    let all = Pairs { states: distance.clone(), actions: vec![0.0; 20_000], len: 20_000, ..Pairs::none() };
    let truth = distance.iter().sum::<f64>() / 20_000.0;
    let leverage: Vec<f64> = distance.iter().map(|d| d / truth).collect();
    let weights = vec![1.0; 20_000];
    let mean = |pairs: &Pairs| {
        pairs.states.iter().zip(&pairs.weights).map(|(d, w)| d * w).sum::<f64>() / pairs.len as f64
    };
    let errors: Vec<f64> =
        (0..40).map(|k| mean(&kept(&all, &weights, &leverage, 500, &mut stream(k))) / truth - 1.0).collect();
    let average = errors.iter().sum::<f64>() / 40.0;
    let spread = (errors.iter().map(|e| e * e).sum::<f64>() / 40.0).sqrt();
    assert!(average.abs() < 0.01, "{average}");
    // 500 drawn with equal chances are off by a quarter.
    assert!(spread < 0.03, "{spread}");
    let some = kept(&all, &weights, &leverage, 500, &mut stream(7));
    assert!(some.len > 400 && some.len <= 500, "{}", some.len);
    assert!(some.weights.iter().all(|w| *w > 0.0));
}

#[test]
fn pairs_that_are_held_down_stay_so_among_those_that_are_kept() {
    let all = Pairs { states: vec![1.0; 1000], actions: vec![0.0; 1000], len: 1000, ..Pairs::none() };
    let pairs = kept(&all, &vec![0.25; 1000], &vec![1.0; 1000], 100, &mut stream(3));
    assert_eq!(pairs.len, 100);
    assert!(pairs.weights.iter().all(|w| (w - 0.25).abs() < 1e-12), "{:?}", &pairs.weights[..3]);
}
