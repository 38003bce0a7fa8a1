//! The exact distance between two distributions on finitely many points, for any costs.

use crate::RobustError;
use crate::error::check_finite;

/// How far apart the masses of two distributions may be, as a share of the mass.
const SAME_MASS: f64 = 1e-9;
/// Mass, as a share of the whole, that counts as none: what rounding leaves over.
const NOTHING: f64 = 1e-15;

/// The least cost of carrying the distribution `p` (`[n]`) into `q` (`[m]`): `min over couplings κ of Σ_ij κ_ij c_ij`
/// (Eq. 4). With `costs` (`[n, m]`, row-major, at least 0) of d(i, j)² it is W₂², with d(i, j) it is W₁.
///
/// Both have the same mass, 1 if they are probabilities; neither has to be positive anywhere. Mass is sent along
/// shortest paths of the residual network, one after the other (Ahuja, Magnanti & Orlin 1993, section 9.7), each in
/// O((n + m)²) over the points that have mass. The plan is optimal up to the rounding of f64 sums.
///
/// # Errors
/// [`RobustError::NotFinite`]; [`RobustError::Dimension`] for a wrong number of costs; [`RobustError::Parameter`] for a
/// negative mass or cost, no mass at all, or masses that differ by more than 1e-9 of them.
pub fn discrete(p: &[f64], q: &[f64], costs: &[f64]) -> Result<f64, RobustError> {
    check_finite("mass", p, p.len())?;
    check_finite("mass", q, q.len())?;
    check_finite("transport cost", costs, p.len() * q.len())?;
    for (name, values) in [("mass", p), ("mass", q), ("transport cost", costs)] {
        if let Some(&value) = values.iter().find(|&&value| value < 0.0) {
            return Err(RobustError::Parameter { name, value, requirement: "it must not be negative" });
        }
    }
    let (mass, other) = (p.iter().sum::<f64>(), q.iter().sum::<f64>());
    if !(mass > 0.0) {
        let requirement = "a distribution must have mass";
        return Err(RobustError::Parameter { name: "mass", value: mass, requirement });
    }
    if (mass - other).abs() > SAME_MASS * mass {
        let requirement = "both distributions must have the same mass";
        return Err(RobustError::Parameter { name: "mass", value: other, requirement });
    }
    let (sources, sinks) = (support(p), support(q));
    let width = sinks.len();
    let mut network = Network {
        supply: sources.iter().map(|&i| p[i]).collect(),
        demand: sinks.iter().map(|&j| q[j] * (mass / other)).collect(),
        costs: sources.iter().flat_map(|&i| sinks.iter().map(move |&j| costs[i * q.len() + j])).collect(),
        flow: vec![0.0; sources.len() * width],
        potential: vec![0.0; sources.len() + width],
        nothing: NOTHING * mass,
    };
    for source in 0..sources.len() {
        while network.supply[source] > network.nothing && network.send(source) {}
    }
    Ok(network.flow.iter().zip(&network.costs).map(|(flow, cost)| flow * cost).sum())
}

/// Points that have mass.
fn support(masses: &[f64]) -> Vec<usize> {
    (0..masses.len()).filter(|&i| masses[i] > 0.0).collect()
}

/// Nodes are the sources, then the sinks. Every edge with flow has reduced cost 0, every other at least 0: then the flow
/// is the cheapest of its size.
struct Network {
    supply: Vec<f64>,
    demand: Vec<f64>,
    /// `[sources, sinks]`, like `flow`.
    costs: Vec<f64>,
    flow: Vec<f64>,
    potential: Vec<f64>,
    nothing: f64,
}

impl Network {
    /// Sends as much as one path takes from `source` to the nearest sink with demand; `false` if there is none left.
    fn send(&mut self, source: usize) -> bool {
        let (sources, sinks) = (self.supply.len(), self.demand.len());
        let nodes = sources + sinks;
        let mut distance = vec![f64::INFINITY; nodes];
        let mut before = vec![usize::MAX; nodes];
        let mut done = vec![false; nodes];
        distance[source] = 0.0;
        let target = loop {
            let open = (0..nodes).filter(|&node| !done[node] && distance[node].is_finite());
            let Some(node) = open.min_by(|&a, &b| distance[a].total_cmp(&distance[b])) else { return false };
            done[node] = true;
            if node >= sources && self.demand[node - sources] > self.nothing {
                break node;
            }
            let others = if node < sources { sources..nodes } else { 0..sources };
            for other in others.filter(|&other| !done[other]) {
                let Some(length) = self.length(node, other) else { continue };
                let through = distance[node] + length;
                if through < distance[other] {
                    (distance[other], before[other]) = (through, node);
                }
            }
        };
        let reached = distance[target];
        for (potential, distance) in self.potential.iter_mut().zip(&distance) {
            *potential += distance.min(reached);
        }
        let mut amount = self.supply[source].min(self.demand[target - sources]);
        let mut node = target;
        while node != source {
            if node < sources {
                amount = amount.min(self.flow[self.edge(node, before[node])]);
            }
            node = before[node];
        }
        self.supply[source] -= amount;
        self.demand[target - sources] -= amount;
        let mut node = target;
        while node != source {
            let edge = self.edge(node, before[node]);
            self.flow[edge] += if node < sources { -amount } else { amount };
            node = before[node];
        }
        true
    }

    /// The edge between two nodes, one of them a source.
    fn edge(&self, a: usize, b: usize) -> usize {
        let (source, sink) = (a.min(b), a.max(b) - self.supply.len());
        source * self.demand.len() + sink
    }

    /// The reduced cost from one node to another, if the residual network has that edge; rounding never makes it negative.
    fn length(&self, from: usize, to: usize) -> Option<f64> {
        let edge = self.edge(from, to);
        let cost = if from < to { self.costs[edge] } else { -self.costs[edge] };
        let open = from < to || self.flow[edge] > 0.0;
        open.then(|| (cost + self.potential[from] - self.potential[to]).max(0.0))
    }
}
