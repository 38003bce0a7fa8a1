//! A family from a file.

use serde::Deserialize;
use wr2l_sim::Parameter;

use crate::{Effect, Family, FiniteError, FiniteMdp, Parts};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    states: usize,
    actions: usize,
    discount: f64,
    #[serde(default)]
    episode_limit: u32,
    /// Probabilities of the first state, or the state.
    start: Start,
    #[serde(default)]
    terminal: Vec<usize>,
    #[serde(default)]
    arrival: Vec<f64>,
    #[serde(default)]
    positions: Vec<Vec<f64>>,
    row: Vec<Row>,
    #[serde(default)]
    parameter: Vec<ParameterTable>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Start {
    State(usize),
    Probabilities(Vec<f64>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    state: usize,
    action: usize,
    #[serde(default)]
    reward: f64,
    /// Pairs (next state, probability).
    next: Vec<(usize, f64)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterTable {
    name: String,
    #[serde(default)]
    description: String,
    nominal: f64,
    lower: f64,
    upper: f64,
    #[serde(default)]
    scale: Option<f64>,
    effect: Vec<EffectTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EffectTable {
    state: usize,
    action: usize,
    /// Pairs (next state, rate).
    rates: Vec<(usize, f64)>,
}

/// States and actions of a file at most, so that a typing mistake does not ask for all memory.
const MOST: usize = 2000;

/// Reads a family from the text of a TOML file.
///
/// ```
/// let family = wr2l_finite::read_table(r#"
///     states = 2
///     actions = 1
///     discount = 0.9
///     start = 0
///     row = [
///         { state = 0, action = 0, reward = 1.0, next = [[0, 0.9], [1, 0.1]] },
///         { state = 1, action = 0, next = [[1, 1.0]] },
///     ]
///     [[parameter]]
///     name = "failure"
///     nominal = 0.1
///     lower = 0.0
///     upper = 0.5
///     effect = [{ state = 0, action = 0, rates = [[0, -1.0], [1, 1.0]] }]
/// "#)?;
/// assert_eq!(family.transitions(&[0.4])[..2], [0.6, 0.4]);
/// # Ok::<(), wr2l_finite::FiniteError>(())
/// ```
///
/// - `states`, `actions`, `discount`; `episode_limit` steps at most; `start`, a state or a probability for each;
/// - `terminal`: the states that end an episode; `arrival`: a reward for arriving, for each state; `positions`: a list of
///   coordinates for each state;
/// - `row`: for every state that is not terminal and every action the reward and the pairs (next state, probability);
/// - `parameter`: name, nominal value, bounds, the `scale` of z (usually the larger distance to a bound), and its effects on
///   rows, each with pairs (next state, what a unit adds to the probability).
///
/// # Errors
/// [`FiniteError::Text`] that says where the text is no such file; those of [`FiniteMdp::new`] and [`Family::new`].
pub fn read_table(text: &str) -> Result<Family, FiniteError> {
    let table: Table = toml::from_str(text).map_err(|error| FiniteError::Text(error.to_string()))?;
    let Table { states: n, actions: m, .. } = table;
    crate::error::check_range("states", n as f64, (1..=MOST).contains(&n), "between 1 and 2000")?;
    crate::error::check_range(
        "actions",
        m as f64,
        (1..=MOST / n.min(MOST)).contains(&m),
        "at most 2000/states",
    )?;
    let index = |what: &'static str, at: usize, end: usize| {
        crate::error::check_range(what, at as f64, at < end, "one of the process")
    };
    let (mut transitions, mut rewards) = (vec![0.0; n * m * n], vec![0.0; n * m]);
    let mut given = vec![false; n * m];
    for Row { state, action, reward, next } in table.row {
        index("state", state, n)?;
        index("action", action, m)?;
        if std::mem::replace(&mut given[state * m + action], true) {
            return Err(FiniteError::Row { state, action, reason: "the row is given twice".into() });
        }
        rewards[state * m + action] = reward;
        for (to, probability) in next {
            index("next state", to, n)?;
            transitions[(state * m + action) * n + to] += probability;
        }
    }
    let mut terminal = vec![false; n];
    for state in table.terminal {
        index("terminal state", state, n)?;
        terminal[state] = true;
    }
    if table.positions.iter().any(|position| position.len() != table.positions[0].len()) {
        return Err(FiniteError::Text("positions have to be of one length".into()));
    }
    let places = table.positions.len();
    if places != 0 && places != n {
        return Err(FiniteError::Shape { what: "positions", expected: n, got: places });
    }
    let start = match table.start {
        Start::Probabilities(start) => start,
        Start::State(state) => {
            index("start", state, n)?;
            (0..n).map(|s| if s == state { 1.0 } else { 0.0 }).collect()
        }
    };
    let mdp = FiniteMdp::new(Parts {
        states: n,
        actions: m,
        transitions,
        rewards,
        arrival: table.arrival,
        start,
        terminal,
        discount: table.discount,
        positions: table.positions.concat(),
        episode_limit: table.episode_limit,
    })?;
    let parameters = table.parameter.into_iter().map(|table| {
        let ParameterTable { name, description, nominal, lower, upper, scale, effect } = table;
        let scale = scale.unwrap_or((upper - nominal).max(nominal - lower));
        let effects = effect.into_iter().flat_map(|EffectTable { state, action, rates }| {
            rates.into_iter().map(move |(next, rate)| Effect { state, action, next, rate })
        });
        (Parameter { name, unit: "1".into(), description, nominal, lower, upper, scale }, effects.collect())
    });
    Family::new(mdp, parameters.collect())
}
