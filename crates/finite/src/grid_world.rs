//! A grid with a goal, pits, slippery ground and wind.

use wr2l_sim::Parameter;

use crate::{Effect, Family, FiniteError, FiniteMdp, Parts};

/// A grid of cells 1 apart. Actions go right, up, left, down; a step against the edge stays. Episodes start at (0, 0) and end
/// at the goal, which pays, or in a pit, which costs.
///
/// What varies is the probability of a `slip`, in which the step goes to either side of where it was meant to go, and that
/// of a gust of `wind`, which blows down by a row instead.
#[derive(Clone, Debug, PartialEq)]
pub struct GridWorld {
    /// Cells from left to right.
    pub width: usize,
    /// Cells from bottom to top.
    pub height: usize,
    /// Cell (x, y) of the goal.
    pub goal: [usize; 2],
    /// Cells of the pits.
    pub pits: Vec<[usize; 2]>,
    /// Reward of a step, of the goal, of a pit.
    pub rewards: [f64; 3],
    /// Probability of a slip, and the most that it may be.
    pub slip: [f64; 2],
    /// Probability of a gust, and the most that it may be; the two largest are at most 1 together.
    pub wind: [f64; 2],
    /// Discount.
    pub discount: f64,
}

impl Default for GridWorld {
    /// A cliff: the short way to the goal leads along pits, the long way around them.
    fn default() -> Self {
        Self {
            width: 6,
            height: 4,
            goal: [5, 0],
            pits: (1..5).map(|x| [x, 0]).collect(),
            rewards: [-0.05, 1.0, -1.0],
            slip: [0.02, 0.2],
            wind: [0.01, 0.2],
            discount: 0.95,
        }
    }
}

/// Right, up, left, down.
const WAYS: [[i64; 2]; 4] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

impl GridWorld {
    /// The family of the grid; the state of cell (x, y) is number `y · width + x`.
    ///
    /// # Errors
    /// [`FiniteError`] for cells outside the grid and numbers without sense.
    pub fn family(&self) -> Result<Family, FiniteError> {
        let (width, height) = (self.width, self.height);
        let n = width.saturating_mul(height);
        crate::error::check_range("cells", n as f64, (1..=10_000).contains(&n), "between 1 and 10000")?;
        let mut arrival = vec![0.0; n];
        let mut terminal = vec![false; n];
        let [step, goal, pit] = self.rewards;
        for (&[x, y], reward) in self.pits.iter().map(|cell| (cell, pit)).chain([(&self.goal, goal)]) {
            crate::error::check_range("cell", x.max(y) as f64, x < width && y < height, "in the grid")?;
            (arrival[y * width + x], terminal[y * width + x]) = (reward, true);
        }
        let to = |s: usize, way: [i64; 2]| {
            let x = (s % width).checked_add_signed(way[0] as isize).filter(|&x| x < width);
            let y = (s / width).checked_add_signed(way[1] as isize).filter(|&y| y < height);
            x.zip(y).map_or(s, |(x, y)| y * width + x)
        };
        let ([slip, most_slip], [wind, most_wind]) = (self.slip, self.wind);
        let mut transitions = vec![0.0; n * 4 * n];
        let (mut slips, mut gusts) = (Vec::new(), Vec::new());
        for s in 0..n {
            for a in 0..4 {
                let (meant, down) = (to(s, WAYS[a]), to(s, WAYS[3]));
                let sides = [to(s, WAYS[(a + 1) % 4]), to(s, WAYS[(a + 3) % 4])];
                let row = &mut transitions[(s * 4 + a) * n..][..n];
                row[meant] += 1.0 - slip - wind;
                row[down] += wind;
                let effect = |next, rate| Effect { state: s, action: a, next, rate };
                slips.push(effect(meant, -1.0));
                for side in sides {
                    row[side] += 0.5 * slip;
                    slips.push(effect(side, 0.5));
                }
                gusts.extend([effect(meant, -1.0), effect(down, 1.0)]);
            }
        }
        let mut start = vec![0.0; n];
        start[0] = 1.0;
        let mdp = FiniteMdp::new(Parts {
            states: n,
            actions: 4,
            transitions,
            rewards: vec![step; n * 4],
            arrival,
            start,
            terminal,
            discount: self.discount,
            positions: (0..n).flat_map(|s| [(s % width) as f64, (s / width) as f64]).collect(),
            ..Parts::default()
        })?;
        let parameter = |name: &str, description: &str, nominal: f64, upper: f64| Parameter {
            name: name.into(),
            unit: "1".into(),
            description: description.into(),
            nominal,
            lower: 0.0,
            upper,
            // One unit of z is as far as it may go.
            scale: upper - nominal,
        };
        Family::new(
            mdp,
            vec![
                (parameter("slip", "Probability that a step slips to a side.", slip, most_slip), slips),
                (parameter("wind", "Probability that a gust blows down a row.", wind, most_wind), gusts),
            ],
        )
    }
}
