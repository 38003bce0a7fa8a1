//! The body of a policy or critic: dense layers, over an input or over the features of an image.

use crate::convolutions::{Convolutions, ConvolutionsCache};
use crate::error::NnError;
use crate::lanes::InstructionSet;
use crate::matmul::Matrix;
use crate::mlp::{Mlp, MlpCache};
use wr2l_rng::Stream;

/// The layout of a network: dense layers ([`Mlp`]), perhaps behind convolutions of an image.
///
/// With convolutions ([`Network::with_convolutions`]) an input row is the image and whatever lies behind it; the dense
/// layers see the image's features and whatever lies behind it. Parameters are a flat slice, those of the convolutions first.
/// Without them a network is its dense layers, to the bit.
#[derive(Clone, Debug)]
pub struct Network {
    convolutions: Option<Convolutions>,
    dense: Mlp,
}

impl From<Mlp> for Network {
    fn from(dense: Mlp) -> Self {
        Self { convolutions: None, dense }
    }
}

/// What [`Network::forward`] leaves for [`Network::backward`], and the scratch of both; made once by [`Network::cache`].
#[derive(Clone, Debug)]
pub struct NetworkCache {
    dense: MlpCache,
    image: Option<ImageCache>,
}

#[derive(Clone, Debug)]
struct ImageCache {
    convolutions: ConvolutionsCache,
    /// What the dense layers see, `[rows, dense inputs]`.
    seen: Vec<f32>,
    /// Gradients or tangents of it.
    d_seen: Vec<f32>,
}

impl NetworkCache {
    /// The outputs of the last [`Network::forward`], `[rows, outputs]`, row-major.
    pub fn outputs(&self) -> &[f32] {
        self.dense.outputs()
    }

    pub(crate) fn outputs_mut(&mut self) -> &mut [f32] {
        self.dense.outputs_mut()
    }

    /// Rows of the last [`Network::forward`].
    pub fn rows(&self) -> usize {
        self.dense.rows()
    }
}

impl Network {
    /// The same network behind convolutions of the image at the head of its inputs: as many numbers go in as before.
    ///
    /// # Errors
    /// [`NnError::Length`] if the inputs are fewer than the numbers of the image; [`NnError::Nested`] if there are convolutions
    /// or layer normalisation.
    pub fn with_convolutions(self, convolutions: Convolutions) -> Result<Self, NnError> {
        let Self { convolutions: earlier, dense } = self;
        if earlier.is_some() || dense.layer_norm() {
            return Err(NnError::Nested);
        }
        let (inputs, image) = (dense.inputs(), convolutions.image().numbers());
        let Some(beside) = inputs.checked_sub(image) else {
            return Err(NnError::Length { what: "an input with an image", expected: image, got: inputs });
        };
        let mut sizes = dense.sizes().to_vec();
        sizes[0] = convolutions.features().numbers() + beside;
        let dense = Mlp::with_instructions(&sizes, dense.instructions())?.with_activation(dense.activation());
        Ok(Self { convolutions: Some(convolutions), dense })
    }

    /// The same network with other dense layers.
    pub(crate) fn map_dense(self, change: impl FnOnce(Mlp) -> Mlp) -> Self {
        Self { dense: change(self.dense), ..self }
    }

    /// The convolutions, if there are any.
    pub fn convolutions(&self) -> Option<&Convolutions> {
        self.convolutions.as_ref()
    }

    /// The dense layers.
    pub fn dense(&self) -> &Mlp {
        &self.dense
    }

    /// Length of an input row.
    pub fn inputs(&self) -> usize {
        match &self.convolutions {
            None => self.dense.inputs(),
            Some(c) => c.image().numbers() + self.dense.inputs() - c.features().numbers(),
        }
    }

    /// Length of an output row.
    pub fn outputs(&self) -> usize {
        self.dense.outputs()
    }

    /// Length of the parameter vector.
    pub fn parameters(&self) -> usize {
        self.before_dense() + self.dense.parameters()
    }

    /// Parameters of the convolutions.
    fn before_dense(&self) -> usize {
        self.convolutions.as_ref().map_or(0, Convolutions::parameters)
    }

    /// The instruction set that the network runs on.
    pub fn instructions(&self) -> InstructionSet {
        self.dense.instructions()
    }

    /// Writes initial parameters, as [`Mlp::initialise`]; weights of convolutions are orthogonal with gain √2, their biases
    /// zero.
    ///
    /// # Panics
    /// If `params` is not `[parameters]`.
    pub fn initialise(&self, output_gain: f64, stream: &mut Stream, params: &mut [f32]) {
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        let (before, dense) = params.split_at_mut(self.before_dense());
        if let Some(convolutions) = &self.convolutions {
            convolutions.initialise(stream, before);
        }
        self.dense.initialise(output_gain, stream, dense);
    }

    /// Scratch for batches of up to `capacity` rows.
    pub fn cache(&self, capacity: usize) -> NetworkCache {
        let image = |convolutions: &Convolutions| ImageCache {
            convolutions: convolutions.cache(capacity),
            seen: vec![0.0; capacity * self.dense.inputs()],
            d_seen: vec![0.0; capacity * self.dense.inputs()],
        };
        NetworkCache { dense: self.dense.cache(capacity), image: self.convolutions.as_ref().map(image) }
    }

    /// Computes the outputs for `inputs` `[rows, inputs]` into `cache`; no allocation.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    pub fn forward(&self, params: &[f32], inputs: &[f32], cache: &mut NetworkCache) {
        let NetworkCache { dense, image } = cache;
        let (Some(convolutions), Some(image)) = (&self.convolutions, image) else {
            return self.dense.forward(params, inputs, dense);
        };
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        let width = self.inputs();
        let rows = inputs.len() / width;
        assert!(rows <= dense.capacity(), "{rows} rows in a cache for {}", dense.capacity());
        assert_eq!(inputs.len(), rows * width, "inputs are not whole rows");
        let (before, params) = params.split_at(self.before_dense());
        let ImageCache { convolutions: cache, seen, .. } = image;
        let images = Matrix { data: inputs, stride: width };
        convolutions.forward(self.instructions(), before, images, rows, cache);
        let numbers = convolutions.features().numbers();
        let features = cache.features().chunks_exact(numbers);
        let seen = &mut seen[..rows * self.dense.inputs()];
        let rows = seen.chunks_exact_mut(self.dense.inputs()).zip(inputs.chunks_exact(width)).zip(features);
        for ((seen, input), features) in rows {
            let (head, beside) = seen.split_at_mut(numbers);
            head.copy_from_slice(features);
            beside.copy_from_slice(&input[convolutions.image().numbers()..]);
        }
        self.dense.forward(params, seen, dense);
    }

    /// Adds to `gradient` `[parameters]` the gradient of a loss, given the loss's gradient with respect to the outputs,
    /// `d_outputs` `[rows, outputs]`, after a [`Network::forward`] with the same `params` and `inputs`. No allocation. Each
    /// entry sums over the rows in order.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn backward(
        &self,
        params: &[f32],
        inputs: &[f32],
        d_outputs: &[f32],
        cache: &mut NetworkCache,
        gradient: &mut [f32],
    ) {
        let NetworkCache { dense, image } = cache;
        let (Some(convolutions), Some(image)) = (&self.convolutions, image) else {
            return self.dense.backward(params, inputs, d_outputs, dense, gradient, None);
        };
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        assert_eq!(gradient.len(), self.parameters(), "gradient");
        let (rows, stride) = (dense.rows(), self.dense.inputs());
        assert_eq!(inputs.len(), rows * self.inputs(), "inputs of another forward pass");
        let (before, params) = params.split_at(self.before_dense());
        let (d_before, gradient) = gradient.split_at_mut(self.before_dense());
        let ImageCache { convolutions: cache, seen, d_seen } = image;
        let (seen, d_seen) = (&seen[..rows * stride], &mut d_seen[..rows * stride]);
        self.dense.backward(params, seen, d_outputs, dense, gradient, Some(d_seen));
        let images = Matrix { data: inputs, stride: self.inputs() };
        let d_features = Matrix { data: d_seen, stride };
        convolutions.backward(self.instructions(), before, images, d_features, rows, cache, d_before);
    }

    /// Writes the directional derivative of the outputs along `direction` `[parameters]` into `d_outputs` `[rows, outputs]`,
    /// after a [`Network::forward`] with the same `params` and `inputs`. No allocation beyond the first call's.
    ///
    /// # Panics
    /// As [`Mlp::tangent`].
    pub fn tangent(
        &self,
        params: &[f32],
        direction: &[f32],
        inputs: &[f32],
        cache: &mut NetworkCache,
        d_outputs: &mut [f32],
    ) {
        let NetworkCache { dense, image } = cache;
        let (Some(convolutions), Some(image)) = (&self.convolutions, image) else {
            return self.dense.tangent(params, direction, inputs, dense, d_outputs);
        };
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        assert_eq!(direction.len(), self.parameters(), "direction");
        let (rows, stride) = (dense.rows(), self.dense.inputs());
        assert_eq!(inputs.len(), rows * self.inputs(), "inputs of another forward pass");
        let (before, params) = params.split_at(self.before_dense());
        let (d_before, direction) = direction.split_at(self.before_dense());
        let ImageCache { convolutions: cache, seen, d_seen } = image;
        let (seen, d_seen) = (&seen[..rows * stride], &mut d_seen[..rows * stride]);
        let images = Matrix { data: inputs, stride: self.inputs() };
        convolutions.tangent(self.instructions(), before, d_before, images, rows, cache);
        let numbers = convolutions.features().numbers();
        for (moved, tangents) in d_seen.chunks_exact_mut(stride).zip(cache.tangents().chunks_exact(numbers)) {
            let (head, beside) = moved.split_at_mut(numbers);
            head.copy_from_slice(tangents);
            beside.fill(0.0);
        }
        self.dense.tangent_of(params, direction, seen, Some(d_seen), dense, d_outputs);
    }
}
