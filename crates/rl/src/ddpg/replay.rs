//! The replay buffer: the last so many transitions, in arrays made once.

use wr2l_rng::Stream;

use crate::{History, Persist, State, StateError};

/// The most recent transitions, up to a capacity, one row of f32 each: the policy's inputs, action, the next inputs,
/// normalised dynamics (if they are asked for), reward, and 0 where the next state is terminal, else 1. A time limit is
/// no terminal state.
///
/// A row is contiguous: a sample costs two or three cache lines. Memory is `4 · (2·obs_dim + act_dim + dim + 2)` bytes a
/// transition, 108 MB for a million of the Hopper's without dynamics. With a history of k frames of `f` numbers it is
/// `4 · (k + 1) · f` more: all frames of the next inputs but the newest are frames of these inputs, and stored once.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    history: History,
    act_dim: usize,
    dim: usize,
    capacity: usize,
    /// `[capacity, width]`.
    rows: Vec<f32>,
    /// Transitions stored, and the row that the next one goes to.
    len: usize,
    next: usize,
}

/// A minibatch drawn from a [`Replay`], or a part of one, `n` transitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draw {
    /// `[n, input_dim]`.
    pub(crate) obs: Vec<f32>,
    /// `[n, act_dim]`.
    pub(crate) actions: Vec<f32>,
    /// `[n, input_dim]`.
    pub(crate) next: Vec<f32>,
    /// `[n, dim]`.
    pub(crate) dynamics: Vec<f32>,
    /// `[n]`.
    pub(crate) rewards: Vec<f32>,
    /// 0 where the next state is terminal, else 1, `[n]`.
    pub(crate) goes_on: Vec<f32>,
}

/// A transition to be stored: inputs of the policy, observation and memory, before and after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition<'a> {
    pub(crate) obs: &'a [f32],
    pub(crate) action: &'a [f32],
    pub(crate) next: &'a [f32],
    pub(crate) dynamics: &'a [f32],
    pub(crate) reward: f64,
    pub(crate) terminated: bool,
}

impl Replay {
    /// Room for transitions of a policy that remembers nothing.
    #[cfg(test)]
    pub(crate) fn new(obs_dim: usize, act_dim: usize, dim: usize, capacity: usize) -> Self {
        Self::with_history(History::none(obs_dim, act_dim), act_dim, dim, capacity)
    }

    /// Room for `capacity` transitions, at least one, of a policy with a history, with `dim` numbers of their dynamics each.
    pub(crate) fn with_history(history: History, act_dim: usize, dim: usize, capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let mut replay = Self { history, act_dim, dim, capacity, rows: Vec::new(), len: 0, next: 0 };
        replay.rows = vec![0.0; capacity * replay.width()];
        replay
    }

    /// Numbers of the next inputs that are not among the inputs.
    fn fresh(&self) -> usize {
        self.history.obs_dim() + if self.history.frames() > 0 { self.history.frame() } else { 0 }
    }

    fn width(&self) -> usize {
        self.history.inputs() + self.act_dim + self.fresh() + self.dim + 2
    }

    /// Numbers of its dynamics that are stored with a transition.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Transitions stored.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it occupies once it is full.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<f32>()
    }

    /// Stores a transition, in the place of the oldest one if the buffer is full. No allocation.
    pub(crate) fn push(&mut self, transition: Transition<'_>) {
        let Transition { obs, action, next, dynamics, reward, terminated } = transition;
        let (width, inputs, fresh) = (self.width(), self.history.inputs(), self.fresh());
        let mut rest = &mut self.rows[self.next * width..][..width];
        let ends = [reward as f32, if terminated { 0.0 } else { 1.0 }];
        for (part, len) in
            [(obs, inputs), (action, self.act_dim), (next, fresh), (dynamics, self.dim), (&ends, 2)]
        {
            let (place, after) = rest.split_at_mut(len);
            place.copy_from_slice(&part[..len]);
            rest = after;
        }
        self.next = (self.next + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// Draws `n` stored transitions uniformly, with replacement: adds where they lie to `places`.
    ///
    /// # Panics
    /// If nothing is stored.
    pub(crate) fn places(&self, n: usize, stream: &mut Stream, places: &mut Vec<usize>) {
        places.extend((0..n).map(|_| stream.below(self.len)));
    }

    /// Copies the transitions that lie at `places` into `draw`. No allocation beyond the first call's.
    pub(crate) fn gather(&self, places: &[usize], draw: &mut Draw) {
        let (x, a, n_next, width) = (self.history.inputs(), self.act_dim, self.fresh(), self.width());
        // The frames that were there before the step.
        let kept = self.history.obs_dim()..self.history.obs_dim() + x - n_next;
        draw.clear();
        for place in places {
            let row = &self.rows[place * width..][..width];
            draw.obs.extend_from_slice(&row[..x]);
            draw.actions.extend_from_slice(&row[x..x + a]);
            draw.next.extend_from_slice(&row[x + a..x + a + n_next]);
            draw.next.extend_from_slice(&row[kept.clone()]);
            draw.dynamics.extend_from_slice(&row[x + a + n_next..width - 2]);
            draw.rewards.push(row[width - 2]);
            draw.goes_on.push(row[width - 1]);
        }
    }
}

#[cfg(test)]
impl Replay {
    /// Draws `n` stored transitions into `draw`.
    pub(crate) fn draw(&self, n: usize, stream: &mut Stream, draw: &mut Draw) {
        let mut places = Vec::new();
        self.places(n, stream, &mut places);
        self.gather(&places, draw);
    }
}

impl Draw {
    fn clear(&mut self) {
        let Self { obs, actions, next, dynamics, rewards, goes_on } = self;
        for column in [obs, actions, next, dynamics, rewards, goes_on] {
            column.clear();
        }
    }
}

impl Persist for Replay {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("rows", &self.rows[..self.len * self.width()]);
        state.put("next", self.next as u64);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let rows = state.take_any::<f32>("rows")?;
        let next = state.one::<u64>("next")?;
        let len = rows.len() / self.width();
        let full = len == self.capacity;
        if rows.len() != len * self.width() || len > self.capacity || rows.iter().any(|x| !x.is_finite()) {
            return Err(state.unusable("rows", "it holds no whole, finite transitions that fit"));
        }
        if next != (if full { next % self.capacity as u64 } else { len as u64 }) {
            return Err(state.unusable("next", "it is not where the next transition goes"));
        }
        self.rows[..rows.len()].copy_from_slice(&rows);
        self.rows[rows.len()..].fill(0.0);
        (self.len, self.next) = (len, next as usize);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_rng::{Purpose, StreamKey};

    fn stream(lane: u64) -> Stream {
        StreamKey::new(3, Purpose::Test).lane(lane).stream()
    }

    /// Transition number i, recognisable by its reward.
    fn push(replay: &mut Replay, i: usize) {
        let x = i as f32;
        replay.push(Transition {
            obs: &[x, x + 0.25],
            action: &[-x],
            next: &[x + 1.0, x + 1.25],
            dynamics: &[x + 0.5; 3][..replay.dim],
            reward: i as f64,
            terminated: i.is_multiple_of(3),
        });
    }

    #[test]
    fn a_transition_comes_back_as_it_was_and_the_oldest_gives_way() {
        let mut replay = Replay::new(2, 1, 3, 5);
        for i in 0..13 {
            push(&mut replay, i);
            assert_eq!(replay.len(), (i + 1).min(5));
        }
        let mut draw = Draw::default();
        replay.draw(200, &mut stream(0), &mut draw);
        for i in 0..200 {
            let x = draw.rewards[i];
            assert!((8.0..13.0).contains(&x), "{x} is one of the last five");
            assert_eq!(draw.obs[2 * i..2 * i + 2], [x, x + 0.25]);
            assert_eq!(draw.actions[i], -x);
            assert_eq!(draw.next[2 * i..2 * i + 2], [x + 1.0, x + 1.25]);
            assert_eq!(draw.dynamics[3 * i..3 * i + 3], [x + 0.5; 3]);
            assert_eq!(draw.goes_on[i], if (x as usize).is_multiple_of(3) { 0.0 } else { 1.0 });
        }
    }

    #[test]
    fn with_a_history_the_next_inputs_come_back_whole_though_their_old_frames_are_stored_once() {
        for frames in [1, 2, 5] {
            let history = History::new(frames, 2, 1).unwrap();
            let mut replay = Replay::with_history(history, 1, 1, 30);
            assert_eq!(replay.width(), history.inputs() + 1 + 2 + 3 + 1 + 2);
            let mut steps = stream(2);
            let mut inputs = vec![0.0; history.inputs()];
            let mut all = Vec::new();
            for _ in 0..20 {
                let (before, action) = (inputs.clone(), [steps.normal()]);
                let after = [steps.normal(), steps.normal()];
                let (obs, memory) = inputs.split_at_mut(2);
                history.push(obs, &action, &after, memory);
                obs.copy_from_slice(&after);
                let single = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
                let (obs, next, reward) = (single(&before), single(&inputs), steps.normal() as f32);
                replay.push(Transition {
                    obs: &obs,
                    action: &[-reward],
                    next: &next,
                    dynamics: &[2.0 * reward],
                    reward: f64::from(reward),
                    terminated: false,
                });
                all.push((obs, next, reward));
            }
            let mut draw = Draw::default();
            replay.draw(200, &mut stream(0), &mut draw);
            for i in 0..200 {
                let (obs, next, reward) = all.iter().find(|(.., reward)| *reward == draw.rewards[i]).unwrap();
                let n = history.inputs();
                assert_eq!(draw.obs[i * n..][..n], obs[..]);
                assert_eq!(draw.next[i * n..][..n], next[..]);
                assert_eq!(
                    (draw.actions[i], draw.dynamics[i], draw.goes_on[i]),
                    (-reward, 2.0 * reward, 1.0)
                );
            }
        }
    }

    #[test]
    fn every_transition_is_equally_likely() {
        // Once partly filled, once after the buffer has come round.
        for (capacity, pushed, cells) in [(100, 20, 20), (20, 53, 20)] {
            let mut replay = Replay::new(2, 1, 0, capacity);
            (0..pushed).for_each(|i| push(&mut replay, i));
            let mut counts = vec![0.0; cells];
            let (mut draw, mut stream) = (Draw::default(), stream(1));
            for _ in 0..500 {
                replay.draw(80, &mut stream, &mut draw);
                draw.rewards.iter().for_each(|x| counts[*x as usize - (pushed - cells)] += 1.0);
            }
            let expected = 500.0 * 80.0 / cells as f64;
            let chi2: f64 = counts.iter().map(|c: &f64| (c - expected).powi(2) / expected).sum();
            assert!(chi2 < 43.8, "χ² with 19 degrees of freedom exceeds its 99.9 % point: {chi2}");
        }
    }

    #[test]
    fn the_same_stream_draws_the_same_minibatch() {
        let mut replay = Replay::new(2, 1, 0, 50);
        (0..70).for_each(|i| push(&mut replay, i));
        let draw = |lane| {
            let mut draw = Draw::default();
            replay.draw(64, &mut stream(lane), &mut draw);
            draw.rewards
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_million_transitions_of_the_hopper_take_less_than_150_megabytes() {
        let replay = Replay::new(11, 3, 0, 1_000_000);
        assert_eq!(replay.bytes(), 1_000_000 * 4 * (2 * 11 + 3 + 2));
        assert!(replay.bytes() < 150_000_000);
        assert_eq!(replay.rows.capacity(), replay.rows.len(), "and nothing is held besides");
    }

    #[test]
    fn it_is_taken_back_as_it_was_and_nonsense_is_refused() {
        for pushed in [0, 3, 5, 8] {
            let mut replay = Replay::new(2, 1, 0, 5);
            (0..pushed).for_each(|i| push(&mut replay, i));
            let mut state = State::default();
            replay.save(&mut state);
            let state = state.into_owned();
            let mut back = Replay::new(2, 1, 0, 5);
            push(&mut back, 99);
            back.restore(&mut state.clone()).unwrap();
            assert_eq!((&back.rows, back.len, back.next), (&replay.rows, replay.len, replay.next));
            if pushed == 8 {
                assert!(Replay::new(2, 1, 0, 4).restore(&mut state.clone()).is_err(), "more than fits");
                assert!(Replay::new(3, 1, 0, 5).restore(&mut state.clone()).is_err(), "other shapes");
            }
        }
        let mut state = State::default();
        state.put("rows", vec![f32::NAN; 7]);
        state.put("next", 1_u64);
        assert!(Replay::new(2, 1, 0, 5).restore(&mut state).is_err());
    }
}
