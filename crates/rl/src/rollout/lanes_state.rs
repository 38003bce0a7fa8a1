//! The lanes of a learner as plain data, for its checkpoints.

use crate::{LaneState, Lanes, Persist, State, StateError};

/// Where the noise of agent and opponent is kept.
const NOISE: [&str; 2] = ["agent_noise", "opponent_noise"];

impl Persist for Lanes {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        let reals = |of: fn(&LaneState) -> &[f64]| -> Vec<f64> {
            self.states.iter().flat_map(|lane| of(lane).iter().copied()).collect()
        };
        let counts = |of: fn(&LaneState) -> u64| -> Vec<u64> { self.states.iter().map(of).collect() };
        state.put("snapshot", reals(|lane| &lane.snapshot));
        state.put("z", reals(|lane| &lane.z));
        // Checkpoints of version 0.1 have none.
        if self.states.iter().any(|lane| !lane.memory.is_empty()) {
            state.put("memory", reals(|lane| &lane.memory));
        }
        state.put("return", reals(|lane| std::slice::from_ref(&lane.ret)));
        state.put("discounted", reals(|lane| std::slice::from_ref(&lane.discounted)));
        state.put("episode", counts(|lane| lane.episode));
        state.put("started", counts(|lane| u64::from(lane.started)));
        state.put("length", counts(|lane| u64::from(lane.length)));
        // Runs whose noise has no memory keep none.
        for (player, name) in NOISE.into_iter().enumerate() {
            let noise: Vec<f64> = self.states.iter().flat_map(|lane| lane.noise[player].clone()).collect();
            if !noise.is_empty() {
                state.put(name, noise);
            }
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let lanes = self.states.len();
        let width = |of: fn(&LaneState) -> &Vec<f64>| self.states.first().map_or(0, |lane| of(lane).len());
        let (snapshot, dim) = (width(|lane| &lane.snapshot), width(|lane| &lane.z));
        let memory = width(|lane| &lane.memory);
        let memories = match memory {
            0 => Vec::new(),
            _ => state.take_finite::<f64>("memory", lanes * memory)?,
        };
        let snapshots = state.take_finite::<f64>("snapshot", lanes * snapshot)?;
        let zs = state.take_finite::<f64>("z", lanes * dim)?;
        let returns = state.take_finite::<f64>("return", lanes)?;
        let discounted = state.take_finite::<f64>("discounted", lanes)?;
        let episodes = state.counts("episode", lanes)?;
        let started = state.take::<u64>("started", lanes)?;
        let lengths = state.counts("length", lanes)?;
        for (i, lane) in self.states.iter_mut().enumerate() {
            lane.snapshot.copy_from_slice(&snapshots[i * snapshot..][..snapshot]);
            lane.z.copy_from_slice(&zs[i * dim..][..dim]);
            lane.memory.copy_from_slice(&memories[i * memory..][..memory]);
            lane.ret = returns[i];
            lane.discounted = discounted[i];
            lane.episode = episodes[i];
            lane.started = started[i] != 0;
            let length = u32::try_from(lengths[i]).ok().filter(|&length| length <= u32::MAX / 2);
            lane.length = length.ok_or_else(|| state.unusable("length", "no episode is that long"))?;
        }
        for (player, name) in NOISE.into_iter().enumerate() {
            let noise = if state.holds(name) { state.take_any::<f64>(name)? } else { Vec::new() };
            if !noise.len().is_multiple_of(lanes.max(1)) || noise.iter().any(|x| !x.is_finite()) {
                return Err(state.unusable(name, "it is not the noise of so many lanes"));
            }
            let width = noise.len() / lanes.max(1);
            for (i, lane) in self.states.iter_mut().enumerate() {
                lane.noise[player] = noise[i * width..][..width].to_vec();
            }
        }
        Ok(())
    }
}
