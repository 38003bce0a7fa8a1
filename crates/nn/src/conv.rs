//! One convolution over images: a matrix product over their patches.

use std::ops::Range;

use crate::error::NnError;
use crate::image::{Convolution, Image};
use crate::lanes::InstructionSet;
use crate::matmul::{MatMul, Matrix, Start};

/// The most that any length of an image or a convolution may be, so that no product of them overflows.
const MOST: usize = 4096;

/// A convolution in its place: where it comes from and goes to, and where its parameters are.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) shape: Convolution,
    pub(crate) from: Image,
    pub(crate) to: Image,
    /// `[patch, filters]`, row-major.
    pub(crate) weights: Range<usize>,
    /// `[filters]`.
    pub(crate) biases: Range<usize>,
}

/// What of an image lies under a patch, along one of its axes.
struct Overlap {
    /// The first pixel of the image.
    first: usize,
    /// Pixels of the patch before it, which are zeros.
    skipped: usize,
    /// Pixels.
    count: usize,
}

impl Layer {
    /// The convolution `shape` of an image, its parameters beginning at `begin`.
    pub(crate) fn new(shape: Convolution, from: Image, begin: usize) -> Result<Self, NnError> {
        let refuse = |reason| Err(NnError::Convolution { shape, from, reason });
        let Convolution { filters, kernel, stride, padding } = shape;
        let lengths = [from.height, from.width, from.channels, filters, kernel, stride];
        if lengths.iter().any(|length| !(1..=MOST).contains(length)) {
            return refuse("every length is 1 to 4096");
        }
        if padding >= kernel {
            return refuse("the padding is smaller than the kernel");
        }
        if kernel > from.height + 2 * padding || kernel > from.width + 2 * padding {
            return refuse("the kernel fits into the padded image");
        }
        let places = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        let to = Image { height: places(from.height), width: places(from.width), channels: filters };
        let biases = begin + kernel * kernel * from.channels * filters;
        Ok(Self { shape, from, to, weights: begin..biases, biases: biases..biases + filters })
    }

    /// Numbers of a patch.
    pub(crate) fn patch(&self) -> usize {
        self.shape.kernel * self.shape.kernel * self.from.channels
    }

    /// Numbers of all patches of an image.
    pub(crate) fn patches(&self) -> usize {
        self.to.places() * self.patch()
    }

    /// What of `size` pixels lies under the patch at `place`. A patch touches the image, because the padding is smaller.
    fn overlap(&self, place: usize, size: usize) -> Overlap {
        let Convolution { kernel, stride, padding, .. } = self.shape;
        let start = place * stride;
        let first = start.saturating_sub(padding);
        let end = (start + kernel - padding).min(size);
        Overlap { first, skipped: padding.saturating_sub(start), count: end.saturating_sub(first) }
    }

    /// Calls `copy` for every stretch of numbers that lie together both in the image and in its patches, with where they are,
    /// place after place.
    #[inline(always)]
    fn stretches(&self, mut copy: impl FnMut(Range<usize>, Range<usize>)) {
        let (channels, kernel, patch) = (self.from.channels, self.shape.kernel, self.patch());
        let mut begin = 0;
        for y in (0..self.to.height).map(|place| self.overlap(place, self.from.height)) {
            for x in (0..self.to.width).map(|place| self.overlap(place, self.from.width)) {
                let len = x.count * channels;
                for row in 0..y.count {
                    let image = ((y.first + row) * self.from.width + x.first) * channels;
                    let within = begin + ((y.skipped + row) * kernel + x.skipped) * channels;
                    copy(image..image + len, within..within + len);
                }
                begin += patch;
            }
        }
    }

    /// Copies the patches of `image` to `patches` `[places, patch]`.
    fn gather(&self, image: &[f32], patches: &mut [f32]) {
        if self.shape.padding > 0 {
            patches.fill(0.0);
        }
        self.stretches(|from, to| patches[to].copy_from_slice(&image[from]));
    }

    /// Adds `patches` to the places of `image` that they come from, place after place.
    fn scatter(&self, patches: &[f32], image: &mut [f32]) {
        self.stretches(|to, from| {
            image[to].iter_mut().zip(&patches[from]).for_each(|(sum, part)| *sum += part);
        });
    }

    /// Writes the sums of an image, before ReLU, to `sums` `[places, filters]`: `image` ∗ `weights` and `start`. `patches`
    /// holds the image's afterwards.
    pub(crate) fn sums(
        &self,
        instructions: InstructionSet,
        image: &[f32],
        weights: &[f32],
        start: Start<'_>,
        patches: &mut [f32],
        sums: &mut [f32],
    ) {
        let patches = &mut patches[..self.patches()];
        self.gather(image, patches);
        MatMul::<false> {
            a: Matrix { data: patches, stride: self.patch() },
            b: Matrix { data: weights, stride: self.shape.filters },
            start,
            first: 0,
            rows: self.to.places(),
            inner: self.patch(),
            columns: self.shape.filters,
        }
        .into(instructions, sums, self.shape.filters);
    }

    /// Adds to the gradient `[patch, filters]` of the weights and to that of the biases `[filters]`, given that of an
    /// image's sums. Places are added in order.
    pub(crate) fn gradient(
        &self,
        instructions: InstructionSet,
        image: &[f32],
        d_sums: &[f32],
        patches: &mut [f32],
        d_weights: &mut [f32],
        d_biases: &mut [f32],
    ) {
        let patches = &mut patches[..self.patches()];
        self.gather(image, patches);
        MatMul::<true> {
            a: Matrix { data: patches, stride: self.patch() },
            b: Matrix { data: d_sums, stride: self.shape.filters },
            start: Start::Destination,
            first: 0,
            rows: self.patch(),
            inner: self.to.places(),
            columns: self.shape.filters,
        }
        .into(instructions, d_weights, self.shape.filters);
        for place in d_sums.chunks_exact(self.shape.filters) {
            d_biases.iter_mut().zip(place).for_each(|(sum, d)| *sum += d);
        }
    }

    /// Overwrites `d_image` with the gradient with respect to an image, given that of its sums and the weights transposed,
    /// `[filters, patch]`.
    pub(crate) fn image_gradient(
        &self,
        instructions: InstructionSet,
        d_sums: &[f32],
        transposed: &[f32],
        patches: &mut [f32],
        d_image: &mut [f32],
    ) {
        let patches = &mut patches[..self.patches()];
        MatMul::<false> {
            a: Matrix { data: d_sums, stride: self.shape.filters },
            b: Matrix { data: transposed, stride: self.patch() },
            start: Start::Zero,
            first: 0,
            rows: self.to.places(),
            inner: self.shape.filters,
            columns: self.patch(),
        }
        .into(instructions, patches, self.patch());
        d_image.fill(0.0);
        self.scatter(patches, d_image);
    }
}
