//! Convolutions one after the other: layout, values and gradients of what turns an image into features.

use crate::conv::Layer;
use crate::error::NnError;
use crate::image::{Convolution, Image};
use crate::init::orthogonal;
use crate::lanes::{InstructionSet, LANES};
use crate::matmul::{Matrix, Start};
use crate::mlp::layers::{Backward, ReluInPlace, ReluTangent, Transpose};
use wr2l_rng::Stream;

/// The layout of one or more convolutions of an image, each followed by ReLU.
///
/// It owns no numbers: its parameters are a flat slice, layer after layer, weights `[kernel, kernel, channels, filters]`
/// before biases `[filters]`. Its features are the last image, `[height, width, filters]`. What comes of an image depends on
/// nothing but parameters and that image; gradients are sums over images, and over the places of each, in order.
///
/// ```
/// use wr2l_nn::{Convolution, Convolutions, Image};
/// let image = Image { height: 64, width: 64, channels: 2 };
/// let convolutions = Convolutions::new(image, &[
///     Convolution { filters: 8, kernel: 8, stride: 4, padding: 0 },
///     Convolution { filters: 16, kernel: 4, stride: 2, padding: 0 },
/// ])?;
/// assert_eq!(convolutions.features(), Image { height: 6, width: 6, channels: 16 });
/// # Ok::<(), wr2l_nn::NnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Convolutions {
    layers: Vec<Layer>,
}

/// What a forward pass leaves for a backward one, and the scratch of both.
#[derive(Clone, Debug)]
pub(crate) struct ConvolutionsCache {
    /// Per layer the images that come out, `[rows, numbers]`, and some room.
    outputs: Vec<Vec<f32>>,
    /// Gradients or tangents of a layer's images: the current ones and the next.
    deltas: [Vec<f32>; 2],
    /// All patches of one image.
    patches: Vec<f32>,
    /// The weights of a layer, `[filters, patch]`.
    transposed: Vec<f32>,
}

impl ConvolutionsCache {
    /// The features of the last forward pass, `[rows, numbers]` and some room.
    pub(crate) fn features(&self) -> &[f32] {
        self.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// The tangents of the features, in the same shape.
    pub(crate) fn tangents(&self) -> &[f32] {
        &self.deltas[0]
    }
}

/// Numbers that whole vectors hold.
fn whole(numbers: usize) -> usize {
    numbers.next_multiple_of(LANES)
}

impl Convolutions {
    /// Convolutions of an image, from the first to the last.
    ///
    /// # Errors
    /// [`NnError::Convolution`] for the first that does not fit; [`NnError::Sizes`] if there is none.
    pub fn new(image: Image, shapes: &[Convolution]) -> Result<Self, NnError> {
        if shapes.is_empty() {
            return Err(NnError::Sizes { sizes: Vec::new() });
        }
        let (mut layers, mut from, mut begin) = (Vec::with_capacity(shapes.len()), image, 0);
        for shape in shapes {
            let layer = Layer::new(*shape, from, begin)?;
            (from, begin) = (layer.to, layer.biases.end);
            layers.push(layer);
        }
        Ok(Self { layers })
    }

    /// The shape of what goes in.
    pub fn image(&self) -> Image {
        self.layers[0].from
    }

    /// The shape of what comes out.
    pub fn features(&self) -> Image {
        self.last().to
    }

    /// The convolutions.
    pub fn shapes(&self) -> impl Iterator<Item = Convolution> + '_ {
        self.layers.iter().map(|layer| layer.shape)
    }

    /// Length of the parameter vector.
    pub fn parameters(&self) -> usize {
        self.last().biases.end
    }

    fn last(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// Writes initial parameters: orthogonal weights with gain √2, and zero biases.
    pub(crate) fn initialise(&self, stream: &mut Stream, params: &mut [f32]) {
        params.fill(0.0);
        for layer in &self.layers {
            let weights = &mut params[layer.weights.clone()];
            orthogonal(layer.patch(), layer.shape.filters, 2.0_f64.sqrt(), stream, weights);
        }
    }

    /// Scratch for batches of up to `capacity` rows.
    pub(crate) fn cache(&self, capacity: usize) -> ConvolutionsCache {
        let most = |of: fn(&Layer) -> usize| self.layers.iter().map(of).max().unwrap_or(0);
        let widest = whole(capacity * most(|layer| layer.to.numbers()));
        ConvolutionsCache {
            outputs: self
                .layers
                .iter()
                .map(|layer| vec![0.0; whole(capacity * layer.to.numbers())])
                .collect(),
            deltas: [vec![0.0; widest], vec![0.0; widest]],
            patches: vec![0.0; most(Layer::patches)],
            transposed: vec![0.0; most(|layer| layer.shape.filters * layer.patch())],
        }
    }

    /// Computes the features of the images at the head of every row of `inputs`.
    pub(crate) fn forward(
        &self,
        instructions: InstructionSet,
        params: &[f32],
        inputs: Matrix<'_>,
        rows: usize,
        cache: &mut ConvolutionsCache,
    ) {
        let ConvolutionsCache { outputs, patches, .. } = cache;
        for (l, layer) in self.layers.iter().enumerate() {
            let (below, here) = outputs.split_at_mut(l);
            let images = images(below, inputs, layer);
            let weights = &params[layer.weights.clone()];
            let start = Start::Bias(&params[layer.biases.clone()]);
            for (row, sums) in here[0].chunks_exact_mut(layer.to.numbers()).take(rows).enumerate() {
                layer.sums(instructions, of(images, row, layer), weights, start, patches, sums);
            }
            instructions.run(ReluInPlace(&mut here[0][..whole(rows * layer.to.numbers())]));
        }
    }

    /// Adds to `gradient` `[parameters]` that of a loss, given the loss's gradient with respect to the features at the head
    /// of every row of `d_features`.
    #[expect(clippy::too_many_arguments, reason = "as `Mlp::backward`, with where rows lie")]
    pub(crate) fn backward(
        &self,
        instructions: InstructionSet,
        params: &[f32],
        inputs: Matrix<'_>,
        d_features: Matrix<'_>,
        rows: usize,
        cache: &mut ConvolutionsCache,
        gradient: &mut [f32],
    ) {
        let ConvolutionsCache { outputs, deltas: [delta, next], patches, transposed } = cache;
        let width = self.last().to.numbers();
        for (row, delta) in delta.chunks_exact_mut(width).take(rows).enumerate() {
            delta.copy_from_slice(&d_features.data[row * d_features.stride..][..width]);
        }
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let numbers = layer.to.numbers();
            let room = whole(rows * numbers);
            instructions.run(Backward::<true> {
                delta: &mut delta[..room],
                y: &outputs[l][..room],
                d_biases: &mut [],
                stride: LANES,
            });
            let images = images(&outputs[..l], inputs, layer);
            let (d_weights, d_biases) =
                gradient[layer.weights.start..layer.biases.end].split_at_mut(layer.weights.len());
            for (row, d_sums) in delta.chunks_exact(numbers).take(rows).enumerate() {
                let image = of(images, row, layer);
                layer.gradient(instructions, image, d_sums, patches, d_weights, d_biases);
            }
            if l == 0 {
                break;
            }
            instructions.run(Transpose {
                from: &params[layer.weights.clone()],
                columns: layer.shape.filters,
                to: transposed,
                stride: layer.patch(),
            });
            let d_images = next.chunks_exact_mut(layer.from.numbers());
            for (d_sums, d_image) in delta.chunks_exact(numbers).zip(d_images).take(rows) {
                layer.image_gradient(instructions, d_sums, transposed, patches, d_image);
            }
            std::mem::swap(delta, next);
        }
    }

    /// Computes how the features move along `direction` `[parameters]`, after [`Convolutions::forward`].
    pub(crate) fn tangent(
        &self,
        instructions: InstructionSet,
        params: &[f32],
        direction: &[f32],
        inputs: Matrix<'_>,
        rows: usize,
        cache: &mut ConvolutionsCache,
    ) {
        let ConvolutionsCache { outputs, deltas: [d_x, d_y], patches, .. } = cache;
        for (l, layer) in self.layers.iter().enumerate() {
            let numbers = layer.to.numbers();
            let images = images(&outputs[..l], inputs, layer);
            let start = Start::Bias(&direction[layer.biases.clone()]);
            for (row, d_sums) in d_y.chunks_exact_mut(numbers).take(rows).enumerate() {
                let weights = &direction[layer.weights.clone()];
                layer.sums(instructions, of(images, row, layer), weights, start, patches, d_sums);
                if l > 0 {
                    let moved = &d_x[row * layer.from.numbers()..][..layer.from.numbers()];
                    let weights = &params[layer.weights.clone()];
                    layer.sums(instructions, moved, weights, Start::Destination, patches, d_sums);
                }
            }
            let room = whole(rows * numbers);
            instructions.run(ReluTangent { d_u: &mut d_y[..room], y: &outputs[l][..room] });
            std::mem::swap(d_x, d_y);
        }
    }
}

/// The images that a layer sees: what the layers `below` put out, or the inputs.
fn images<'a>(below: &'a [Vec<f32>], inputs: Matrix<'a>, layer: &Layer) -> Matrix<'a> {
    match below.last() {
        Some(data) => Matrix { data, stride: layer.from.numbers() },
        None => inputs,
    }
}

/// One of them.
fn of<'a>(images: Matrix<'a>, row: usize, layer: &Layer) -> &'a [f32] {
    &images.data[row * images.stride..][..layer.from.numbers()]
}
