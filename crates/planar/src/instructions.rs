//! What a batch computes with, and how a lane may fail.

/// The instructions that a batch computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// Whatever the program was compiled for, one lane at a time.
    Portable,
    /// AVX2 with FMA: 4 lanes at a time.
    Avx2,
    /// AVX-512: 8 lanes at a time. The same results as with AVX2, to the bit.
    Avx512,
}

impl InstructionSet {
    /// The instruction sets of this machine, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    sets.push(Self::Avx512);
                }
            }
        }
        sets
    }

    /// The fastest instruction set of this machine.
    pub fn fastest() -> Self {
        Self::available().into_iter().max().unwrap_or(Self::Portable)
    }

    /// How many lanes of f64 are computed at a time; multiples of it waste nothing. Of f32, twice as many (except
    /// [`InstructionSet::Portable`]): see [`Batch::width`](crate::Batch::width).
    pub fn width(self) -> usize {
        match self {
            Self::Portable => 1,
            Self::Avx2 => 4,
            Self::Avx512 => 8,
        }
    }
}

/// The numbers that a batch computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// f64: MuJoCo's accelerations to about 1e-12, at worst 3e-10.
    #[default]
    Double,
    /// f32, in a build with the feature `single`: twice the lanes at a time. States and snapshots are rounded to f32.
    ///
    /// With nominal parameters accelerations agree with MuJoCo's to 1e-5 of the largest of them; over the whole bounds of
    /// the tasks' parameters half of them to 1e-6, nine tenths to 3e-5, the worst to 3e-3, because some contacts are then
    /// a thousand times stiffer than the bodies are heavy (`tests/single.rs`). An x of 100 m has steps of 8 µm, a body
    /// that has turned by more than 1e4 rad counts as diverged, and about one in 15,000 random states as unsolved.
    #[cfg(feature = "single")]
    Single,
}

impl Precision {
    /// All precisions of this build.
    pub const ALL: &[Self] = &[
        Self::Double,
        #[cfg(feature = "single")]
        Self::Single,
    ];
}

/// Why a lane's numbers mean nothing from here on, until it is given a new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A control was not finite; the lane did not move.
    Control,
    /// A force from outside was not finite.
    Force,
    /// A position or velocity is not finite or beyond 1e10, a body has turned by more than 1e6 rad (1e4 in f32), or an acceleration is
    /// not finite.
    State,
    /// The search for the constrained accelerations did not converge.
    Solver,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Control => "control not finite",
            Self::Force => "force from outside not finite",
            Self::State => "state not finite or absurdly large",
            Self::Solver => "constraint solver did not converge",
        })
    }
}
