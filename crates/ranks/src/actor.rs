//! Policies on the way.

use wr2l_nn::{
    Activation, Convolution, Convolutions, Head, Image, InstructionSet, NnError, Normaliser, Policy,
};
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

/// Convolutions in numbers: the image, and four for each.
fn numbers_of(convolutions: &Convolutions) -> Vec<usize> {
    let Image { height, width, channels } = convolutions.image();
    let shapes = convolutions.shapes().flat_map(|c| [c.filters, c.kernel, c.stride, c.padding]);
    [height, width, channels].into_iter().chain(shapes).collect()
}

/// The convolutions that some numbers stand for; none by none.
fn convolutions_of(numbers: &[usize]) -> Result<Option<Convolutions>, NnError> {
    let [height, width, channels, rest @ ..] = numbers else { return Ok(None) };
    let image = Image { height: *height, width: *width, channels: *channels };
    let shapes = rest.as_chunks().0.iter();
    let shapes = shapes.map(|[filters, kernel, stride, padding]| Convolution {
        filters: *filters,
        kernel: *kernel,
        stride: *stride,
        padding: *padding,
    });
    Convolutions::new(image, &shapes.collect::<Vec<_>>()).map(Some)
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
        let network = self.policy().network();
        let numbers = network.convolutions().map_or_else(Vec::new, numbers_of);
        to.counts(&numbers);
        let mut sizes = mlp.sizes().to_vec();
        sizes[0] = network.inputs();
        to.counts(&sizes);
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
        let numbers = from.counts()?;
        let sizes = from.counts()?;
        let [inputs, hidden @ .., outputs] = &sizes[..] else { return Err(Malformed) };
        let params = from.floats()?;
        // No larger than what is there: every layer has at least as many parameters as inputs and outputs.
        // Of an image each pixel has not.
        let most = if numbers.is_empty() { params.len() } else { u32::MAX as usize };
        if *inputs > most || sizes[1..].iter().any(|size| *size > params.len()) {
            return Err(Malformed);
        }
        let policy = Policy::new(head, *inputs, hidden, *outputs, InstructionSet::detect())
            .map_err(|_| Malformed)?
            .with_activation(activation);
        let policy = match convolutions_of(&numbers).map_err(|_| Malformed)? {
            Some(convolutions) => policy.with_convolutions(convolutions).map_err(|_| Malformed)?,
            None => policy,
        };
        let (mean, inverse, clip) = (from.reals()?, from.reals()?, from.real()?);
        let normaliser = Normaliser::from_parts(mean, inverse, clip).map_err(|_| Malformed)?;
        let actions = ActionSpace::read(from)?;
        let frames = from.count()?;
        Self::new(policy, params, normaliser, actions)
            .and_then(|actor| actor.with_history(frames))
            .map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_over_images_arrives_with_its_convolutions() {
        let image = Image { height: 9, width: 8, channels: 2 };
        let shapes = [
            Convolution { filters: 3, kernel: 4, stride: 2, padding: 1 },
            Convolution { filters: 2, kernel: 2, stride: 1, padding: 0 },
        ];
        let convolutions = Convolutions::new(image, &shapes).unwrap();
        let policy = Policy::categorical(image.numbers() + 1, &[2], 2).unwrap();
        let policy = policy.with_convolutions(convolutions).unwrap();
        let params: Vec<f32> = (0..policy.parameters()).map(|i| i as f32).collect();
        let normaliser = Normaliser::identity(image.numbers() + 1);
        let sent = Actor::new(policy, params, normaliser, ActionSpace::Discrete { n: 2 }).unwrap();
        let mut to = Writer::default();
        sent.write(&mut to);
        let bytes = to.into_bytes();
        let got = Actor::read(&mut Reader::new(&bytes)).unwrap();
        let convolutions = got.policy().network().convolutions().unwrap();
        assert_eq!(
            (convolutions.image(), convolutions.shapes().collect::<Vec<_>>()),
            (image, shapes.to_vec())
        );
        assert_eq!((got.input_dim(), got.params()), (sent.input_dim(), sent.params()));
        assert_eq!(got.policy().mlp().sizes(), sent.policy().mlp().sizes());
    }
}
