//! A film strip of policies under the same dynamics.

use wr2l_report::{FilmFigure, Frame, Strip};
use wr2l_sim::{Physics, Simulator};

use crate::error::RunError;
use crate::studies::episode::{End, Episode};
use crate::studies::evaluation::{Contestant, common_task, methods};
use crate::studies::skeleton::skeleton;

/// Seconds for which a robot that has fallen is still shown.
pub(crate) const AFTERMATH: f64 = 0.6;
/// Strips and moments that a figure has at most.
const MOST_STRIPS: usize = 8;
const MOST_FRAMES: u32 = 100;

/// What a film shows.
#[derive(Debug)]
pub struct Film<'a> {
    /// The policies, one a strip, in order.
    pub contestants: &'a [Contestant],
    /// Dynamics by name, in physical units; the rest stays at the reference.
    pub phi: &'a [(String, f64)],
    /// Seconds shown, from the start of the episode.
    pub seconds: f64,
    /// Moments in that time, 2 to 100.
    pub frames: u32,
    /// Seed of the initial state, the same for every policy.
    pub seed: u64,
    /// The physics; `None` for the one each policy was trained on.
    pub physics: Option<Physics>,
}

impl Film<'_> {
    /// Plays an episode of each policy, with mean actions, and draws its beginning.
    ///
    /// A strip's remark says what became of the whole episode. A robot whose episode ended is shown for a little longer:
    /// how it falls is what the reader wants to see.
    ///
    /// # Errors
    /// [`RunError::Usage`] for times and counts out of range, no policy or more than eight, and for robots that cannot be
    /// drawn; [`RunError`] for unknown or out-of-bounds parameters, policies of different tasks, and failing physics.
    pub fn figure(&self) -> Result<FilmFigure, RunError> {
        let wrong = |reason: String| Err(RunError::Usage(reason));
        if self.contestants.is_empty() || self.contestants.len() > MOST_STRIPS {
            return wrong(format!("a film has 1 to {MOST_STRIPS} policies, not {}", self.contestants.len()));
        }
        if !(2..=MOST_FRAMES).contains(&self.frames) {
            return wrong(format!("--frames {}: 2 to {MOST_FRAMES} moments can be shown", self.frames));
        }
        let task = common_task(self.contestants)?;
        let Some(drawn) = task.drawn() else {
            return wrong(format!("the robot of {task} cannot be drawn yet: only the project's own can"));
        };
        let spec = task.spec();
        let limit = f64::from(spec.episode_limit) * spec.dt;
        if !(self.seconds >= spec.dt && self.seconds <= limit) {
            let range = format!("{} to {limit} s, one step to a whole episode", spec.dt);
            return wrong(format!("--seconds {}: expected {range}", self.seconds));
        }
        let names: Vec<&str> = self.phi.iter().map(|(name, _)| name.as_str()).collect();
        // A name, never a pattern: each stands for one value.
        for name in &names {
            task.space().index(name)?;
        }
        let values: Vec<f64> = self.phi.iter().map(|(_, value)| *value).collect();
        let mut strips = Vec::new();
        for (one, title) in self.contestants.iter().zip(titles(self.contestants)) {
            let space = task.space().select(&names)?;
            space.check(&values)?;
            let simulator = task.simulator(self.physics.unwrap_or(one.origin.physics), space)?;
            strips.push(self.strip(one, title, &simulator, &values)?);
        }
        let phi = self.phi.iter().cloned().collect();
        let dynamics = label(self.phi);
        let every = self.seconds / f64::from(self.frames - 1);
        let note = format!(
            "{task} under {dynamics}: one episode each from the same initial state, mean actions, a picture every \
             {every:.2} s; grey after the episode's end"
        );
        Ok(FilmFigure { skeleton: skeleton(drawn).under(&phi), strips, note })
    }

    fn strip(
        &self,
        one: &Contestant,
        title: String,
        simulator: &Simulator,
        phi: &[f64],
    ) -> Result<Strip, RunError> {
        let spec = simulator.spec();
        let mut episode = Episode::begin(one, simulator, phi, self.seed)?;
        let mut frames = Vec::new();
        // Moments lie at whole steps, the nearest ones.
        let moment =
            |k: u32| (self.seconds * f64::from(k) / f64::from(self.frames - 1) / spec.dt).round() as u32;
        for step in 0..=spec.episode_limit {
            if step == moment(frames.len() as u32) && (frames.len() as u32) < self.frames {
                let over = episode.end().is_some_and(|end| end != End::TimeLimit);
                frames.push(Frame { q: episode.positions().into(), over });
            }
            if step == spec.episode_limit {
                break;
            }
            if episode.end().is_some() {
                let since = f64::from(step - episode.length()) * spec.dt;
                if since >= AFTERMATH || frames.len() as u32 >= self.frames {
                    break;
                }
            }
            if !episode.step() {
                break;
            }
        }
        let (after, ret) = (episode.seconds(), episode.ret());
        let course = match episode.end() {
            None | Some(End::TimeLimit) => {
                format!("lasts all {:.0} s", f64::from(spec.episode_limit) * spec.dt)
            }
            Some(End::Terminated) => format!("ends after {after:.1} s"),
            Some(End::Diverged) => format!("the physics diverged after {after:.1} s"),
        };
        Ok(Strip { title, remark: format!("{course}, return {ret:.0}"), frames })
    }
}

/// The methods' names, with the policy's where a method has several.
pub(crate) fn titles(contestants: &[Contestant]) -> Vec<String> {
    let methods = methods(contestants);
    let several = |method: &String| methods.iter().filter(|other| *other == method).count() > 1;
    let each = contestants.iter().zip(&methods);
    each.map(
        |(one, method)| if several(method) { format!("{method} ({})", one.name) } else { method.clone() },
    )
    .collect()
}

/// What dynamics are called: each parameter with its value, or the reference.
pub(crate) fn label(phi: &[(String, f64)]) -> String {
    let named: Vec<String> =
        phi.iter().map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect();
    if named.is_empty() { "the reference dynamics".into() } else { named.join(", ") }
}
