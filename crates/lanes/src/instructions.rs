//! What a batch computes with, and how a lane may fail.

/// The instructions that a batch computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// Whatever the program was compiled for, one lane at a time.
    Portable,
    /// AVX2 with FMA: 4 lanes at a time.
    Avx2,
    /// AVX-512 with its narrower registers (AVX-512F and AVX-512VL): 8 lanes at a time, or 4 where no more move.
    Avx512,
}

impl InstructionSet {
    /// The instruction sets of this machine, the fastest last. All give the same results, to the bit.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
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

    /// How many lanes are computed at a time; multiples of it waste nothing.
    pub fn width(self) -> usize {
        match self {
            Self::Portable => 1,
            Self::Avx2 => 4,
            Self::Avx512 => 8,
        }
    }
}

/// Why a lane's numbers mean nothing from here on, until it is given a new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A control was not finite; the lane did not move.
    Control,
    /// A force from outside was not finite.
    Force,
    /// A coordinate or velocity is not finite or beyond 1e10, a hinge has turned by more than 1e6 rad, a quaternion has no
    /// length, or an acceleration is not finite.
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
