//! A coloured picture, and letters on it.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// A colour: red, green and blue.
pub(crate) type Color = [u8; 3];

/// A picture in colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    /// `[height, width, 3]`.
    pixels: Vec<u8>,
}

impl Image {
    /// A picture in one colour.
    pub(crate) fn new(width: usize, height: usize, color: Color) -> Self {
        Self { width, height, pixels: color.repeat(width * height) }
    }

    /// Pixels from left to right.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Red, green and blue of each pixel, row by row from the top, `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The colours, row by row.
    pub(crate) fn colors(&self) -> &[Color] {
        self.pixels.as_chunks().0
    }

    pub(crate) fn set(&mut self, x: usize, y: usize, color: Color) {
        let at = 3 * (y * self.width + x);
        self.pixels[at..at + 3].copy_from_slice(&color);
    }

    /// Puts another picture on it with its upper left corner at (`left`, `top`); it has to fit.
    pub(crate) fn put(&mut self, other: &Self, left: usize, top: usize) {
        for (y, row) in other.pixels.chunks_exact(3 * other.width).enumerate() {
            let at = 3 * ((top + y) * self.width + left);
            self.pixels[at..at + row.len()].copy_from_slice(row);
        }
    }

    /// Writes a line of text with its upper left corner at (`left`, `top`); what does not fit is cut, and dots say so. A letter
    /// that the font lacks is a question mark.
    pub(crate) fn text(&mut self, text: &str, font: Font, color: Color, (left, top): (usize, usize)) {
        let step = font.letter();
        let fits = self.width.saturating_sub(2 * left) / step;
        let cut = text.chars().count() > fits;
        let kept = if cut { fits.saturating_sub(3) } else { fits };
        let dots = if cut { "...".chars().take(fits) } else { "".chars().take(0) };
        for (k, letter) in text.chars().take(kept).chain(dots).enumerate() {
            let raster = |letter| get_raster(letter, font.weight(), font.height);
            let Some(raster) = raster(letter).or_else(|| raster('?')) else { continue };
            for (y, row) in raster.rows().enumerate() {
                for (x, &ink) in row.iter().enumerate() {
                    self.blend(left + k * step + x, top + y, color, few(ink));
                }
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, color: Color, ink: u8) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = 3 * (y * self.width + x);
        for (pixel, color) in self.pixels[at..at + 3].iter_mut().zip(color) {
            *pixel = mixed(*pixel, color, u32::from(ink));
        }
    }
}

/// One of eight strengths of ink: few colours make small files.
fn few(ink: u8) -> u8 {
    ((u32::from(ink) * 7 + 127) / 255 * 255 / 7) as u8
}

/// So many 255ths of `to`, the rest of `from`.
pub(crate) fn mixed(from: u8, to: u8, share: u32) -> u8 {
    let sum = u32::from(from) * (255 - share) + u32::from(to) * share;
    ((sum + 127) / 255) as u8
}

/// Letters of one size, all of one width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Font {
    height: RasterHeight,
    bold: bool,
}

impl Font {
    /// One that suits a picture so many pixels wide.
    pub(crate) fn for_width(width: usize) -> Self {
        let height = match width {
            0..480 => RasterHeight::Size16,
            480..720 => RasterHeight::Size20,
            720..1080 => RasterHeight::Size24,
            _ => RasterHeight::Size32,
        };
        Self { height, bold: false }
    }

    #[must_use]
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Pixels from line to line.
    pub(crate) fn line(self) -> usize {
        self.height.val() + 1
    }

    fn weight(self) -> FontWeight {
        if self.bold { FontWeight::Bold } else { FontWeight::Regular }
    }

    /// Pixels from letter to letter.
    fn letter(self) -> usize {
        get_raster_width(self.weight(), self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Color = [255; 3];

    /// Columns that have ink.
    fn inked(image: &Image) -> Vec<usize> {
        let dark = |x: usize| (0..image.height).any(|y| image.colors()[y * image.width + x] != WHITE);
        (0..image.width).filter(|&x| dark(x)).collect()
    }

    #[test]
    fn text_stands_where_it_is_put_and_what_does_not_fit_is_cut() {
        let font = Font::for_width(100);
        let mut image = Image::new(100, 30, WHITE);
        image.text("Hi", font, [0; 3], (10, 4));
        let columns = inked(&image);
        assert!(columns[0] >= 10 && *columns.last().unwrap() < 10 + 2 * font.letter(), "{columns:?}");
        let long = |text: &str| {
            let mut image = Image::new(100, 30, WHITE);
            image.text(text, font, [0; 3], (10, 4));
            image
        };
        assert!(inked(&long(&"W".repeat(99))).last().unwrap() < &90);
        // Whatever stands beyond is not seen.
        assert_eq!(long("abcdefghijklmnopqrst"), long("abcdefghijklmno"));
        assert_ne!(long("abcdefghijk"), long("abcdefghijklmno"), "the dots");
        assert_eq!(long("ε"), long("?"));
        // Too narrow for anything, and no room below.
        let mut tiny = Image::new(4, 3, WHITE);
        tiny.text("Hi", font, [0; 3], (1, 1));
    }

    #[test]
    fn no_ink_stays_none_and_full_ink_full() {
        assert_eq!([0, 10, 128, 250, 255].map(few), [0, 0, 145, 255, 255]);
    }

    #[test]
    fn shares_mix() {
        assert_eq!([mixed(10, 200, 0), mixed(10, 200, 255), mixed(0, 255, 128)], [10, 200, 128]);
    }
}
