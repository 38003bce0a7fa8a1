//! Files of families.

use wr2l_finite::{FiniteError, read_table};

const TEXT: &str = r#"
states = 3
actions = 2
discount = 0.9
start = [0.5, 0.5, 0.0]
terminal = [2]
arrival = [0.0, 0.0, 10.0]
positions = [[0.0], [1.0], [3.0]]
row = [
    { state = 0, action = 0, reward = 1.0, next = [[0, 0.5], [1, 0.5]] },
    { state = 0, action = 1, next = [[1, 1.0]] },
    { state = 1, action = 0, next = [[0, 0.9], [2, 0.1]] },
    { state = 1, action = 1, reward = -1.0, next = [[2, 1.0]] },
]
[[parameter]]
name = "slip"
nominal = 0.0
lower = 0.0
upper = 0.5
effect = [{ state = 0, action = 1, rates = [[0, 1.0], [1, -1.0]] }]
"#;

#[test]
fn a_file_says_what_is_in_it() {
    let family = read_table(TEXT).unwrap();
    let mdp = family.mdp();
    assert_eq!((mdp.states(), mdp.actions(), mdp.discount()), (3, 2, 0.9));
    assert_eq!((mdp.row(1, 0), mdp.reward(1, 1)), (&[0.9, 0.0, 0.1][..], -1.0));
    assert_eq!((mdp.is_terminal(2), mdp.arrival()[2], mdp.start()[1]), (true, 10.0, 0.5));
    assert_eq!(mdp.squared_distances()[5], 4.0);
    assert_eq!(family.space().parameters()[0].scale, 0.5);
    assert_eq!(family.transitions(&[0.2])[3..6], [0.2, 0.8, 0.0]);
    let from_one = read_table(&TEXT.replace("[0.5, 0.5, 0.0]", "1")).unwrap();
    assert_eq!(from_one.mdp().start(), [0.0, 1.0, 0.0]);
}

#[test]
fn a_file_with_a_mistake_is_refused_with_a_sentence() {
    for (from, to, said) in [
        ("states = 3", "states = 0", "states = 0"),
        ("states = 3", "states = 100000000000", "states"),
        ("actions = 2", "actions = 100000000000", "actions"),
        ("discount = 0.9", "discount = 1.0", "discount = 1"),
        ("discount = 0.9", "discount = nan", "discount"),
        ("[0.5, 0.5, 0.0]", "[0.5, 0.5]", "start: expected 3"),
        ("[0.5, 0.5, 0.0]", "7", "start = 7"),
        ("terminal = [2]", "terminal = [3]", "terminal state = 3"),
        ("[3.0]]", "[1.0]]", "another place"),
        ("[3.0]]", "[1.0, 2.0]]", "one length"),
        ("[1.0], [3.0]]", "[1.0]]", "positions: expected 3"),
        ("[1, 0.5]] }", "[1, 0.4]] }", "add up to 0.9"),
        ("[1, 0.5]] }", "[9, 0.5]] }", "next state = 9"),
        ("state = 1, action = 1,", "state = 1, action = 0,", "given twice"),
        ("    { state = 0, action = 1, next = [[1, 1.0]] },\n", "", "state 0, action 1"),
        ("reward = 1.0", "reward = inf", "rewards"),
        ("reward = 1.0", "rewards = 1.0", "unknown field"),
        ("[1, -1.0]]", "[1, -0.9]]", "add up to 0.0"),
        ("upper = 0.5", "upper = 1.5", "becomes -0.5"),
        ("lower = 0.0", "lower = 0.1", "outside the bounds"),
    ] {
        assert!(TEXT.contains(from), "{from}");
        let error: FiniteError = read_table(&TEXT.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(said), "{to}: {error}");
    }
}
