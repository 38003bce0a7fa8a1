//! Policies on the way.

use wr2l_nn::{Activation, Head, InstructionSet, Normaliser, Policy};
use wr2l_rl::Actor;
use wr2l_sim::ActionSpace;

use crate::values::Travels;
use crate::wire::{Malformed, Reader, Writer};

impl Travels for ActionSpace {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Continuous { low, high } => {
                to.byte(0);
                to.reals(low);
                to.reals(high);
            }
            Self::Discrete { n } => {
                to.byte(1);
                to.count(*n);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => {
                let (low, high) = (from.reals()?, from.reals()?);
                if low.len() == high.len() { Ok(Self::Continuous { low, high }) } else { Err(Malformed) }
            }
            1 => Ok(Self::Discrete { n: from.count()? }),
            _ => Err(Malformed),
        }
    }
}

impl Travels for Actor {
    fn write(&self, to: &mut Writer) {
        let mlp = self.policy().mlp();
        to.byte(match self.policy().head() {
            Head::Gaussian => 0,
            Head::Bounded => 1,
            Head::Categorical => 2,
        });
        to.byte(match mlp.activation() {
            Activation::Tanh => 0,
            Activation::Relu => 1,
        });
        to.counts(mlp.sizes());
        to.floats(self.params());
        let normaliser = self.normaliser();
        to.reals(normaliser.mean());
        to.reals(normaliser.inverse_deviation());
        to.real(normaliser.clip());
        self.action_space().write(to);
        to.count(self.history().frames());
    }

    /// The networks compute with the instructions of this machine; ranks with others are refused before.
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let head = match from.byte()? {
            0 => Head::Gaussian,
            1 => Head::Bounded,
            2 => Head::Categorical,
            _ => return Err(Malformed),
        };
        let activation = match from.byte()? {
            0 => Activation::Tanh,
            1 => Activation::Relu,
            _ => return Err(Malformed),
        };
        let sizes = from.counts()?;
        let [inputs, hidden @ .., outputs] = &sizes[..] else { return Err(Malformed) };
        let params = from.floats()?;
        // No larger than what is there: every layer has at least as many parameters as inputs and outputs.
        if sizes.iter().any(|size| *size > params.len()) {
            return Err(Malformed);
        }
        let policy = Policy::new(head, *inputs, hidden, *outputs, InstructionSet::detect())
            .map_err(|_| Malformed)?
            .with_activation(activation);
        let (mean, inverse, clip) = (from.reals()?, from.reals()?, from.real()?);
        let normaliser = Normaliser::from_parts(mean, inverse, clip).map_err(|_| Malformed)?;
        let actions = ActionSpace::read(from)?;
        let frames = from.count()?;
        Self::new(policy, params, normaliser, actions)
            .and_then(|actor| actor.with_history(frames))
            .map_err(|_| Malformed)
    }
}
