//! A narrow bridge and a wide way around, of which one grows slippery while the agent walks.

use crate::error::check_range;
use crate::{DriftingMdp, FiniteError, FiniteMdp, Parts};

/// The bridge: `G` are goals, `#` holes, `S` is the start.
///
/// ```text
/// # # # # # # # # #
/// # # # . . . . . #
/// G . . S . . . . G
/// # # # . . . . . #
/// # # # # # # # # #
/// ```
///
/// Actions go right, up, left, down. Nothing slips at first. The probability that a step goes to either side of where it was
/// meant to go then grows: per epoch by `growth · (1 − balance)` in the cells left of the start, and by `growth · balance` in
/// those right of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bridge {
    /// ε in [0, 1]: which side grows slippery.
    pub balance: f64,
    /// By how much the two sides' probabilities of a slip grow together in an epoch.
    pub growth: f64,
    /// The most that a probability of a slip becomes, at most 1.
    pub most: f64,
    /// Epochs until it stops.
    pub epochs: usize,
    /// Discount.
    pub discount: f64,
}

impl Default for Bridge {
    fn default() -> Self {
        Self { balance: 0.0, growth: 0.1, most: 0.9, epochs: 30, discount: 0.9 }
    }
}

const MAP: [&str; 5] = ["#########", "###.....#", "G..S....G", "###.....#", "#########"];
const WIDTH: usize = 9;
/// Column of the start.
const MIDDLE: usize = 3;
/// Right, up, left, down; rows of the map go down.
const WAYS: [(isize, isize); 4] = [(1, 0), (0, -1), (-1, 0), (0, 1)];

impl Bridge {
    /// The process; the state of a cell is `row · 9 + column`, rows from the top.
    ///
    /// # Errors
    /// [`FiniteError::Number`] for numbers without sense.
    pub fn process(&self) -> Result<DriftingMdp, FiniteError> {
        let Self { balance, growth, most, epochs, discount } = *self;
        check_range("balance", balance, (0.0..=1.0).contains(&balance), "in [0, 1]")?;
        check_range("growth", growth, growth.is_finite() && growth >= 0.0, "finite and not negative")?;
        check_range("most", most, (0.0..=1.0).contains(&most), "in [0, 1]")?;
        check_range("epochs", epochs as f64, (1..=10_000).contains(&epochs), "between 1 and 10000")?;
        let cells: Vec<char> = MAP.iter().flat_map(|row| row.chars()).collect();
        let to = |s: usize, (dx, dy): (isize, isize)| {
            let x = (s % WIDTH).checked_add_signed(dx).filter(|&x| x < WIDTH);
            let y = (s / WIDTH).checked_add_signed(dy).filter(|&y| y < MAP.len());
            x.zip(y).map_or(s, |(x, y)| y * WIDTH + x)
        };
        let snapshot = |epoch: usize| {
            let slip = |column: usize| match column.cmp(&MIDDLE) {
                std::cmp::Ordering::Less => (growth * (1.0 - balance) * epoch as f64).min(most),
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Greater => (growth * balance * epoch as f64).min(most),
            };
            let n = cells.len();
            let mut transitions = vec![0.0; n * 4 * n];
            for s in 0..n {
                for a in 0..4 {
                    let row = &mut transitions[(s * 4 + a) * n..][..n];
                    let slip = slip(s % WIDTH);
                    row[to(s, WAYS[a])] += 1.0 - slip;
                    row[to(s, WAYS[(a + 1) % 4])] += 0.5 * slip;
                    row[to(s, WAYS[(a + 3) % 4])] += 0.5 * slip;
                }
            }
            let reward = |cell: &char| match cell {
                'G' => 1.0,
                '#' => -1.0,
                _ => 0.0,
            };
            FiniteMdp::new(Parts {
                states: n,
                actions: 4,
                transitions,
                rewards: vec![0.0; n * 4],
                arrival: cells.iter().map(reward).collect(),
                start: cells.iter().map(|&cell| f64::from(u8::from(cell == 'S'))).collect(),
                terminal: cells.iter().map(|&cell| cell == 'G' || cell == '#').collect(),
                discount,
                positions: (0..n).flat_map(|s| [(s % WIDTH) as f64, (s / WIDTH) as f64]).collect(),
                ..Parts::default()
            })
        };
        // Steps may slip everywhere, as far as a planner knows: where they do, it is not told.
        let reach = |row: usize| {
            let mut states: Vec<usize> = [0, 1, 3].map(|turn| to(row / 4, WAYS[(row % 4 + turn) % 4])).into();
            states.sort_unstable();
            states.dedup();
            states
        };
        let reach = (0..4 * cells.len()).map(reach).collect();
        DriftingMdp::new((0..epochs).map(snapshot).collect::<Result<_, _>>()?)?.with_reach(reach)
    }
}
