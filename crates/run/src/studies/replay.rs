//! Recorded episodes of policies under a few dynamics, for the page's replay.

use std::collections::BTreeMap;

use wr2l_eval::Table;
use wr2l_report::page::{Replay, ReplayDynamics, ReplayEpisode};
use wr2l_sim::{Physics, Simulator};

use crate::error::RunError;
use crate::studies::episode::{End, Episode};
use crate::studies::evaluation::Contestant;
use crate::studies::solid::Figure;

/// Dynamics that a replay offers at most, and policies.
const MOST_DYNAMICS: usize = 16;
const MOST_POLICIES: usize = 12;
/// Bytes that all episodes may take, if all last to their time limit: half of what a page may have.
const MOST_BYTES: usize = 2_500_000;
/// Seconds between two frames, about.
const FRAME: f64 = 1.0 / 30.0;

/// The dynamics worth looking at among those that were evaluated: the reference, the worst system of every method's
/// first policy in every set of tables, the best ones, and the corners of grids.
pub(crate) fn notable_dynamics(sets: &[(String, Vec<Table>)]) -> Vec<ReplayDynamics> {
    let mut list = vec![ReplayDynamics { label: "nominal".into(), phi: BTreeMap::new() }];
    let mut add = |label: String, table: &Table, phi: &[f64]| {
        let phi: BTreeMap<String, f64> = table.parameters.iter().cloned().zip(phi.iter().copied()).collect();
        if list.len() < MOST_DYNAMICS && list.iter().all(|other| other.phi != phi) {
            list.push(ReplayDynamics { label, phi });
        }
    };
    // The worst of all sets first: they are what one wants to see if there is no room for everything.
    for (name, tables) in sets {
        for (method, table) in first_of_methods(tables) {
            if let Some(worst) = table.worst() {
                add(format!("worst of {method}, {name}"), table, &worst.phi);
            }
        }
    }
    for (name, tables) in sets.iter().filter(|(_, tables)| is_shared(tables)) {
        for (method, table) in first_of_methods(tables) {
            let sound = table.rows.iter().filter(|row| row.has_value());
            if let Some(best) = sound.max_by(|a, b| a.mean.total_cmp(&b.mean)) {
                add(format!("best of {method}, {name}"), table, &best.phi);
            }
        }
        let Some(first) = tables.first() else { continue };
        let corners: Vec<Vec<f64>> = match first.axes().as_deref() {
            Some([x]) => ends(x.values()).map(|x| vec![x]).into(),
            Some([x, y]) => {
                ends(x.values()).iter().flat_map(|&x| ends(y.values()).map(|y| vec![x, y])).collect()
            }
            _ => Vec::new(),
        };
        for phi in corners {
            let at: Vec<String> = first
                .parameters
                .iter()
                .zip(&phi)
                .map(|(n, v)| format!("{} {v}", n.replace('_', " ")))
                .collect();
            add(at.join(", "), first, &phi);
        }
    }
    list
}

fn ends(values: &[f64]) -> [f64; 2] {
    [values[0], values[values.len() - 1]]
}

/// Whether the tables are over systems that all policies share.
fn is_shared(tables: &[Table]) -> bool {
    tables.first().is_some_and(|table| !table.provenance.searched())
}

fn first_of_methods(tables: &[Table]) -> Vec<(&str, &Table)> {
    let mut list: Vec<(&str, &Table)> = Vec::new();
    for table in tables {
        if list.iter().all(|(method, _)| *method != table.provenance.method) {
            list.push((&table.provenance.method, table));
        }
    }
    list
}

/// Records an episode of every policy under each of the dynamics: mean actions, from the initial state of the
/// evaluation's first episode. Policies beyond the twelfth are left out, later ones of a method first.
///
/// # Errors
/// [`RunError::Space`] for dynamics that the task does not have, [`RunError::Sim`].
pub(crate) fn record(
    contestants: &[Contestant],
    methods: &[String],
    physics: Option<Physics>,
    dynamics: Vec<ReplayDynamics>,
) -> Result<Replay, RunError> {
    let chosen = some_of_each(methods, MOST_POLICIES);
    let mut dynamics = dynamics;
    let figure_of = |one: &Contestant| one.task.solid().map(Figure::new);
    if let Some(one) = contestants.first() {
        let spec = one.task.spec();
        let frames = (spec.episode_limit / stride(spec.dt) + 2) as usize;
        let width = figure_of(one).map_or(spec.nq, |figure| figure.width());
        // Two bytes a number, a third more in base 64.
        let episode = frames * (width + 1) * 8 / 3;
        // The reference and the worst come first, and are kept.
        dynamics.truncate((MOST_BYTES / (episode * chosen.len())).max(3));
    }
    let mut episodes = Vec::new();
    let mut frame_seconds = 0.0;
    for (place, &index) in chosen.iter().enumerate() {
        let one = &contestants[index];
        let mut figure = figure_of(one);
        for (number, dynamics) in dynamics.iter().enumerate() {
            let names: Vec<&String> = dynamics.phi.keys().collect();
            let space = one.task.space().select(&names)?;
            let phi: Vec<f64> = dynamics.phi.values().copied().collect();
            let simulator = one.task.simulator(physics.unwrap_or(one.origin.physics), space)?;
            let stride = stride(simulator.spec().dt);
            frame_seconds = simulator.spec().dt * f64::from(stride);
            episodes.push(recorded(one, &simulator, &phi, stride, figure.as_mut(), (place, number))?);
        }
    }
    let left_out = contestants.len() - chosen.len();
    let note = match left_out {
        0 => "One episode of each policy with mean actions, from the same initial state.".to_owned(),
        n => format!(
            "One episode of each policy with mean actions, from the same initial state; {n} further policies are left out."
        ),
    };
    let policies = chosen.iter().map(|&index| label(&contestants[index], &methods[index])).collect();
    Ok(Replay { note, dt: frame_seconds, policies, dynamics, episodes })
}

/// Steps of `dt` seconds from one frame to the next.
fn stride(dt: f64) -> u32 {
    (FRAME / dt).round().max(1.0) as u32
}

fn label(one: &Contestant, method: &str) -> String {
    if one.name == method { method.to_owned() } else { format!("{method} ({})", one.name) }
}

/// Indices of at most `most` items, such that no group has more than one fewer than it could: first the first of every
/// group, then the second of every group, and so on; in the order given.
fn some_of_each(groups: &[String], most: usize) -> Vec<usize> {
    let rank = |i: usize| groups[..i].iter().filter(|other| **other == groups[i]).count();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&i| (rank(i), i));
    order.truncate(most);
    order.sort_unstable();
    order
}

fn recorded(
    one: &Contestant,
    simulator: &Simulator,
    phi: &[f64],
    stride: u32,
    mut figure: Option<&mut Figure>,
    place: (usize, usize),
) -> Result<ReplayEpisode, RunError> {
    let mut episode = Episode::begin(one, simulator, phi, 0)?;
    let mut frames = Vec::new();
    let mut frame = |episode: &mut Episode<'_>| {
        let positions = episode.positions();
        match &mut figure {
            Some(figure) => figure.frame(positions, &mut frames),
            None => frames.extend_from_slice(positions),
        }
        frames.push(episode.ret());
    };
    frame(&mut episode);
    while episode.end().is_none() && episode.step() {
        if episode.length().is_multiple_of(stride) || episode.end().is_some() {
            frame(&mut episode);
        }
    }
    let ended = match episode.end() {
        Some(End::Terminated) => format!("fell after {:.1} s", episode.seconds()),
        Some(End::Diverged) => "the physics diverged".to_owned(),
        _ => "lasted to the time limit".to_owned(),
    };
    let width = figure.as_ref().map_or(simulator.spec().nq, |figure| figure.width());
    Ok(ReplayEpisode::new(place, (episode.ret(), episode.length(), ended), &frames, width + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_is_left_out_for_anothers_seeds() {
        let groups = ["a", "a", "a", "b", "b", "c"].map(String::from);
        assert_eq!(some_of_each(&groups, 3), [0, 3, 5]);
        assert_eq!(some_of_each(&groups, 5), [0, 1, 3, 4, 5]);
        assert_eq!(some_of_each(&groups, 9).len(), 6);
    }
}
