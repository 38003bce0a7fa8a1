//! Shapes of images and of convolutions over them.

/// The shape of an image: its numbers lie `[height, width, channels]`, row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Rows of pixels, 1 to 4096.
    pub height: usize,
    /// Pixels of a row, 1 to 4096.
    pub width: usize,
    /// Numbers of a pixel, 1 to 4096.
    pub channels: usize,
}

impl Image {
    /// Numbers of the image.
    pub fn numbers(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Pixels of the image.
    pub(crate) fn places(self) -> usize {
        self.height * self.width
    }
}

/// A convolution with square kernels: at each of its places every filter is the sum of a patch of the image, times the
/// filter's weights, and a bias; ReLU follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of what comes out, 1 to 4096. Multiples of eight fill the vectors. Usual: 8 to 64.
    pub filters: usize,
    /// Side of a patch in pixels, 1 to 4096. Usual: 3 to 8.
    pub kernel: usize,
    /// Pixels from a patch to the next, 1 to 4096. Usual: 1 to 4.
    pub stride: usize,
    /// Zeros around the image, in pixels on each side, fewer than `kernel`. Usual: 0, or half of `kernel`.
    pub padding: usize,
}
