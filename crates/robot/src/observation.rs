//! What the policy sees: noise, scale, delay and history of the observation's terms.

use wr2l_rng::{Purpose, Stream, StreamKey};

use crate::file::Spread;

/// A term of the observation: which numbers it has, and what happens to them, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    /// Its expression, for messages.
    pub(crate) value: String,
    /// How many numbers its value has.
    pub(crate) width: usize,
    pub(crate) noise: Spread,
    pub(crate) scale: f64,
    pub(crate) clip: [f64; 2],
    /// Steps until it is seen.
    pub(crate) delay: usize,
    /// Steps that are seen at once.
    pub(crate) history: usize,
}

impl Observed {
    /// Numbers of the observation.
    pub(crate) fn seen(&self) -> usize {
        self.width * self.history
    }

    /// Numbers that are remembered: all steps that are seen, or will be.
    pub(crate) fn kept(&self) -> usize {
        self.width * (self.delay + self.history)
    }

    /// What becomes of a number under noise of a size.
    fn read(&self, value: f64, size: f64, stream: Option<&mut Stream>) -> f64 {
        let noise = match (self.noise, stream) {
            (Spread::Uniform(_), Some(stream)) => stream.uniform(-size, size),
            (Spread::Normal(_), Some(stream)) => size * stream.normal(),
            (_, None) => 0.0,
        };
        self.shown(if noise == 0.0 { value } else { value + noise })
    }

    /// What becomes of a number after its noise.
    #[inline]
    fn shown(&self, value: f64) -> f64 {
        let value = value * self.scale;
        let [low, high] = self.clip;
        // What is not a number stays so.
        if value < low {
            low
        } else if value > high {
            high
        } else {
            value
        }
    }
}

/// Numbers of a lane's memory before what is remembered: steps since the episode began, and the two halves of the key of the
/// episode's noise.
pub(crate) const HEADER: usize = 3;

/// Begins an episode: what is remembered comes with its first state. The key of its noise is drawn from `stream`, if there is
/// one.
pub(crate) fn begin(memory: &mut [f64], stream: Option<&mut Stream>) {
    memory.fill(0.0);
    if let Some(stream) = stream {
        for half in &mut memory[1..HEADER] {
            *half = stream.below(1 << 32) as f64;
        }
    }
}

/// Chooses the noise from here on by a number below 2⁶⁴.
pub(crate) fn set_noise(memory: &mut [f64], number: u64) {
    memory[1] = (number >> 32) as f64;
    memory[2] = (number & 0xFFFF_FFFF) as f64;
}

/// Remembers a state; `value(i)` is the number `i` of all terms' values, one term after the other. `sizes` are those of the
/// terms' noise.
pub(crate) fn remember(terms: &[Observed], sizes: &[f64], memory: &mut [f64], value: impl Fn(usize) -> f64) {
    let (header, mut memory) = memory.split_at_mut(HEADER);
    let step = header[0];
    header[0] += 1.0;
    let seed = (header[1] as u64) << 32 | header[2] as u64;
    let key = || StreamKey::new(seed, Purpose::Own).iteration(step as u64);
    let mut first = 0;
    for (number, (term, &size)) in terms.iter().zip(sizes).enumerate() {
        if size == 0.0 && term.delay + term.history == 1 {
            // Most terms.
            let (kept, rest) = memory.split_at_mut(term.width);
            kept.iter_mut().enumerate().for_each(|(i, kept)| *kept = term.shown(value(first + i)));
            (memory, first) = (rest, first + term.width);
            continue;
        }
        // One stream a step and term: a snapshot needs no position in it, and no term's noise hangs on another's size.
        let mut stream = (size != 0.0).then(|| key().lane(number as u64).stream());
        let (kept, rest) = memory.split_at_mut(term.kept());
        memory = rest;
        let width = term.width;
        // The newest comes first; before the first state, it was always so.
        if step > 0.0 {
            kept.copy_within(..term.kept() - width, width);
        }
        for i in 0..width {
            kept[i] = term.read(value(first + i), size, stream.as_mut());
        }
        if step == 0.0 {
            for later in 1..term.delay + term.history {
                kept.copy_within(..width, later * width);
            }
        }
        first += width;
    }
}

/// Writes the observation: of each term the steps that it shows, the newest first.
pub(crate) fn observe(terms: &[Observed], memory: &[f64], out: &mut [f64]) {
    let (mut memory, mut out) = (&memory[HEADER..], out);
    for term in terms {
        let (kept, rest) = memory.split_at(term.kept());
        let (seen, others) = out.split_at_mut(term.seen());
        seen.copy_from_slice(&kept[term.width * term.delay..]);
        (memory, out) = (rest, others);
    }
}
