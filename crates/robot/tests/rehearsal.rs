//! What a reward is likely to teach, from what it pays before anything is learnt.

use wr2l_robot::{Course, TermSeen, doubts};

fn course(terms: &[(&str, f64)], reward: f64, length: f64, ended: f64) -> Course {
    let seen = |(name, mean): &(&str, f64)| TermSeen {
        name: (*name).to_owned(),
        mean: *mean,
        least: mean - 1.0,
        most: mean + 1.0,
    };
    let terms = terms.iter().map(seen).collect();
    Course { terms, reward, length, ended, steps: 6400, diverged: None }
}

#[test]
fn a_reward_without_oddities_raises_no_doubt() {
    let random = course(&[("forward", 0.3), ("effort", -0.1)], 0.2, 40.0, 0.8);
    let idle = course(&[("forward", 0.0), ("effort", 0.0)], 0.0, 100.0, 0.0);
    assert_eq!(doubts(&random, &idle), Vec::<String>::new());
}

#[test]
fn each_oddity_is_told_by_its_terms() {
    let calm = course(&[("forward", 0.0)], 0.0, 100.0, 0.0);
    let one = |random: &Course, idle: &Course, words: &[&str]| {
        let doubts = doubts(random, idle);
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        assert!(words.iter().all(|word| doubts[0].contains(word)), "{doubts:?}");
    };
    let fighting = course(&[("forward", 1.0), ("effort", -0.99), ("small", 0.001)], 0.011, 40.0, 0.0);
    one(&fighting, &calm, &["fight", "`forward`", "`effort`"]);
    let dear = course(&[("effort", -0.5)], -0.5, 40.0, 0.2);
    one(&dear, &calm, &["0.500", "to end it soon"]);
    // The same where no episode ends: nothing can be gained by ending it.
    assert!(doubts(&Course { ended: 0.0, ..dear }, &calm).is_empty());
    let random = course(&[("upright", 0.4)], 0.4, 40.0, 0.8);
    let standing = course(&[("upright", 0.5)], 0.5, 100.0, 0.0);
    one(&random, &standing, &["does nothing", "0.500", "0.400"]);
    assert!(doubts(&random, &Course { ended: 0.1, ..standing }).is_empty());
    let mut never = course(&[("forward", 0.2), ("goal", 0.0)], 0.2, 40.0, 0.8);
    (never.terms[1].least, never.terms[1].most) = (0.0, 0.0);
    one(&never, &calm, &["`goal`", "chance never meets"]);
    let broken = Course { diverged: Some(("reward term `root` is NaN".into(), 3)), ..never.clone() };
    assert!(doubts(&broken, &calm)[0].contains("step 3: reward term `root` is NaN"));
}
