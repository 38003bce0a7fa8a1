//! Reproducible random streams.
//!
//! A stream is named by *what it is for*: run seed, purpose, iteration, lane and episode. The whole tuple is
//! the key of a ChaCha8 block cipher in counter mode, so two different tuples never share a stream (adding
//! numbers, `seed + lane`, makes run 42's second lane equal run 43's first), and the only state a checkpoint
//! needs is a stream's position.
//!
//! ```
//! use wr2l_rng::{Purpose, StreamKey};
//! let key = StreamKey::new(42, Purpose::Reset).lane(3).episode(7);
//! assert_eq!(key.stream().uniform(0.0, 1.0), key.stream().uniform(0.0, 1.0));
//! ```
#![forbid(unsafe_code)]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// What a random stream is used for; the discriminants are part of every run's reproducibility and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Initial states of episodes during learning.
    Reset = 1,
    /// Action noise of the policy during learning.
    Action = 2,
    /// Order of samples in minibatches.
    Minibatch = 3,
    /// Dynamics parameters drawn for an episode (uniform and boundary adversaries).
    Dynamics = 4,
    /// Initial network weights.
    Initialisation = 5,
    /// Perturbations ξ of the zero-order gradient.
    GradientPerturbation = 6,
    /// Perturbations ξ of the zero-order Hessian.
    HessianPerturbation = 7,
    /// State–action pairs for the Wasserstein distance: trajectories and the choice of pairs from them.
    Pairs = 8,
    /// Initial states of episodes that measure a return J(z) for the adversary.
    ReturnReset = 9,
    /// Action noise of episodes that measure a return J(z) for the adversary.
    ReturnAction = 10,
    /// Starting points of a multi-start search.
    Starts = 11,
    /// Initial states of evaluation episodes.
    EvaluationReset = 12,
    /// Action noise of stochastic evaluation episodes.
    EvaluationAction = 13,
    /// Random systems drawn for evaluation.
    EvaluationSystem = 14,
    /// Noise samples of an empirical transport distance.
    TransportNoise = 15,
    /// Which transitions of a replay buffer make a minibatch.
    Replay = 16,
    /// Action noise, and take-overs, of an adversary's policy in the learner's episodes.
    OpponentAction = 17,
    /// Initial states of the episodes that an adversary's policy learns from.
    OpponentReset = 18,
    /// Action noise of the agent in the episodes that an adversary's policy learns from.
    OpponentBatchAgent = 19,
    /// Action noise of an adversary's policy in the episodes that it learns from.
    OpponentBatchAction = 20,
    /// Order of samples in the minibatches that an adversary's policy learns from.
    OpponentMinibatch = 21,
    /// Initial weights of an adversary's policy.
    OpponentInitialisation = 22,
    /// Actions at random in place of the agent's during learning: when, and which.
    RandomAction = 23,
    /// Noise on the weights of policies that explore.
    ParameterNoise = 24,
    /// Noise of dynamics that are stochastic, keyed by the episode's number for it.
    ProcessNoise = 25,
    /// Resamples of a bootstrap.
    Bootstrap = 64,
    /// Whatever a simulator, learner or adversary from outside this project draws.
    Own = 65,
    /// Tests and examples.
    Test = u64::MAX,
}

impl Purpose {
    /// All of them.
    const ALL: [Self; 28] = [
        Self::Reset,
        Self::Action,
        Self::Minibatch,
        Self::Dynamics,
        Self::Initialisation,
        Self::GradientPerturbation,
        Self::HessianPerturbation,
        Self::Pairs,
        Self::ReturnReset,
        Self::ReturnAction,
        Self::Starts,
        Self::EvaluationReset,
        Self::EvaluationAction,
        Self::EvaluationSystem,
        Self::TransportNoise,
        Self::Replay,
        Self::OpponentAction,
        Self::OpponentReset,
        Self::OpponentBatchAgent,
        Self::OpponentBatchAction,
        Self::OpponentMinibatch,
        Self::OpponentInitialisation,
        Self::RandomAction,
        Self::ParameterNoise,
        Self::ProcessNoise,
        Self::Bootstrap,
        Self::Own,
        Self::Test,
    ];
}

/// The name of a random stream: a tuple of five numbers, injectively mapped to a cipher key and nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamKey {
    seed: u64,
    purpose: Purpose,
    iteration: u64,
    lane: u64,
    episode: u64,
}

impl StreamKey {
    /// The stream of `purpose` in the run with `seed`, at iteration, lane and episode 0.
    pub const fn new(seed: u64, purpose: Purpose) -> Self {
        Self { seed, purpose, iteration: 0, lane: 0, episode: 0 }
    }

    /// The same key at another iteration.
    #[must_use]
    pub const fn iteration(self, iteration: u64) -> Self {
        Self { iteration, ..self }
    }

    /// The same key for another lane.
    #[must_use]
    pub const fn lane(self, lane: u64) -> Self {
        Self { lane, ..self }
    }

    /// The same key for another episode.
    #[must_use]
    pub const fn episode(self, episode: u64) -> Self {
        Self { episode, ..self }
    }

    /// The key as plain numbers, from which [`StreamKey::from_words`] makes it again: for whoever sends one elsewhere.
    pub const fn words(self) -> [u64; 5] {
        [self.seed, self.purpose as u64, self.iteration, self.lane, self.episode]
    }

    /// The key of [`StreamKey::words`]; `None` if they name no purpose.
    pub fn from_words([seed, purpose, iteration, lane, episode]: [u64; 5]) -> Option<Self> {
        let purpose = Purpose::ALL.into_iter().find(|known| *known as u64 == purpose)?;
        Some(Self { seed, purpose, iteration, lane, episode })
    }

    /// Opens the stream at its beginning.
    pub fn stream(self) -> Stream {
        // Four of the five numbers fill the 256-bit key, the fifth the 64-bit nonce: no two tuples collide.
        let mut key = [0_u8; 32];
        for (chunk, word) in
            key.chunks_exact_mut(8).zip([self.seed, self.purpose as u64, self.iteration, self.lane])
        {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut cipher = ChaCha8Rng::from_seed(key);
        cipher.set_stream(self.episode);
        Stream(cipher)
    }
}

/// A random stream opened by [`StreamKey::stream`].
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// A number uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        // 53 random bits: every multiple of 2⁻⁵³ in [0, 1) is equally likely.
        let unit = (self.0.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64);
        low + (high - low) * unit
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Fills `out` with independent standard normal numbers.
    pub fn fill_normal(&mut self, out: &mut [f64]) {
        for value in out {
            *value = self.normal();
        }
    }

    /// An integer uniform in `0..n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "no integer lies below 0");
        // Lemire's multiply-shift with rejection, exact for every n.
        let n = n as u64;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(n);
            let low = product as u64;
            // The threshold, 2⁶⁴ mod n, lies below n: the division is hardly ever needed.
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as usize;
            }
        }
    }

    /// Puts `items` into a uniformly random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Position in the stream, in 32-bit words drawn: all that a checkpoint needs besides the key.
    pub fn position(&self) -> u128 {
        self.0.get_word_pos()
    }

    /// Moves to a position returned by [`Stream::position`].
    pub fn set_position(&mut self, position: u128) {
        self.0.set_word_pos(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StreamKey {
        StreamKey::new(42, Purpose::Test)
    }

    fn head(key: StreamKey) -> [u64; 4] {
        let mut stream = key.stream();
        std::array::from_fn(|_| stream.uniform(0.0, 1.0).to_bits())
    }

    #[test]
    fn every_field_of_the_key_selects_another_stream() {
        let mut heads = vec![head(key())];
        heads.push(head(StreamKey::new(43, Purpose::Test)));
        heads.push(head(StreamKey::new(42, Purpose::Reset)));
        heads.push(head(key().iteration(1)));
        heads.push(head(key().lane(1)));
        heads.push(head(key().episode(1)));
        for i in 0..heads.len() {
            for j in 0..i {
                assert_ne!(heads[i], heads[j], "keys {i} and {j} share a stream");
            }
        }
    }

    #[test]
    fn neighbouring_seeds_and_lanes_do_not_meet() {
        // The classic mistake is seed + lane: run 42's lane 1 equals run 43's lane 0.
        assert_ne!(head(key().lane(1)), head(StreamKey::new(43, Purpose::Test)));
    }

    #[test]
    fn a_key_comes_back_from_its_words_and_words_of_no_purpose_are_none() {
        for (i, purpose) in Purpose::ALL.into_iter().enumerate() {
            let key = StreamKey::new(1, purpose).iteration(2).lane(3).episode(4 + i as u64);
            assert_eq!(StreamKey::from_words(key.words()), Some(key));
        }
        // Numbers are given without gaps below 26: one that is missing from the list would be one.
        let named = |purpose| StreamKey::from_words([0, purpose, 0, 0, 0]).is_some();
        assert!((1..26).all(named) && named(64) && named(65) && named(u64::MAX));
        assert!(![0, 26, 66, u64::MAX - 1].into_iter().any(named));
    }

    #[test]
    fn a_restored_position_continues_bit_for_bit() {
        let mut stream = key().stream();
        let mut buffer = [0.0; 37];
        stream.fill_normal(&mut buffer);
        let position = stream.position();
        let next: Vec<u64> = (0..50).map(|_| stream.normal().to_bits()).collect();
        let mut again = key().stream();
        again.set_position(position);
        assert_eq!(next, (0..50).map(|_| again.normal().to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn the_stream_of_a_key_is_a_promise() {
        // A change here changes every published run: it has to be deliberate and in the changelog.
        let mut stream = key().stream();
        let digest = [stream.uniform(0.0, 1.0), stream.normal(), stream.below(1000) as f64];
        assert_eq!(digest, GOLDEN, "{digest:?}");
    }
    const GOLDEN: [f64; 3] = [0.9714619627299546, -0.027130254330333062, 837.0];

    #[test]
    fn moments_match_the_distributions() {
        let mut stream = key().stream();
        let n = 200_000;
        let (mut u, mut u2, mut g, mut g2, mut g4) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = stream.uniform(-1.0, 3.0);
            let y = stream.normal();
            u += x;
            u2 += x * x;
            g += y;
            g2 += y * y;
            g4 += y.powi(4);
        }
        let n = f64::from(n);
        // Five standard errors each.
        assert!((u / n - 1.0).abs() < 5.0 * (16.0 / 12.0 / n).sqrt());
        assert!((u2 / n - (1.0 + 16.0 / 12.0)).abs() < 5.0 * (3.0 / n).sqrt() * 2.0);
        assert!((g / n).abs() < 5.0 / n.sqrt());
        assert!((g2 / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        assert!((g4 / n - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
    }

    #[test]
    fn integers_below_n_are_equally_likely() {
        let mut stream = key().stream();
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi2 < 22.5, "χ² with 6 degrees of freedom exceeds its 99.9 % point: {chi2}");
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..100).collect();
        key().stream().shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
