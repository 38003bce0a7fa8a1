//! A video as a GIF: one palette, and of each frame what has changed.

use gif::{DisposalMethod, Encoder, Frame, Repeat};

use super::figure::Shots;
use super::image::Image;
use super::palette::{Census, MOST};
use crate::figure::FigureError;

/// Frames whose colours the palette is chosen from, spread over the video.
const LOOKED_AT: usize = 12;
/// The number of what stays as it was.
const SAME: u8 = MOST as u8;

/// The bytes of the file; `step` is called before each frame, and its error passed on.
pub(crate) fn encode(
    shots: &Shots<'_>,
    fps: u32,
    step: &mut dyn FnMut(usize) -> Result<(), FigureError>,
) -> Result<Vec<u8>, FigureError> {
    let wrong = |error: gif::EncodingError| FigureError::Drawing(error.to_string());
    let count = shots.frames();
    let mut census = Census::default();
    for k in 0..LOOKED_AT.min(count) {
        step(0)?;
        census.add(&shots.image(k * (count - 1) / (LOOKED_AT.min(count) - 1).max(1)));
    }
    let mut palette = census.palette();
    // The last number is one more colour, of which nothing is.
    let mut colors = palette.bytes();
    colors.resize(3 * (MOST + 1), 0);
    let [width, height] = shots.size();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side(width)?, side(height)?, &colors).map_err(wrong)?;
    encoder.set_repeat(Repeat::Infinite).map_err(wrong)?;
    let mut before: Option<Vec<u8>> = None;
    for number in 0..count {
        step(number)?;
        let image: Image = shots.image(number);
        let now: Vec<u8> = image.colors().iter().map(|color| palette.number(*color)).collect();
        let rectangle = before.as_ref().map_or([0, 0, width, height], |before| changed(before, &now, width));
        let [left, top, right, bottom] = rectangle;
        let mut buffer = Vec::with_capacity((right - left) * (bottom - top));
        for y in top..bottom {
            for at in y * width + left..y * width + right {
                let same = before.as_ref().is_some_and(|before| before[at] == now[at]);
                buffer.push(if same { SAME } else { now[at] });
            }
        }
        let frame = Frame {
            delay: delay(number, fps),
            dispose: DisposalMethod::Keep,
            transparent: Some(SAME),
            left: side(left)?,
            top: side(top)?,
            width: side(right - left)?,
            height: side(bottom - top)?,
            buffer: buffer.into(),
            ..Frame::default()
        };
        encoder.write_frame(&frame).map_err(wrong)?;
        before = Some(now);
    }
    drop(encoder);
    Ok(bytes)
}

fn side(pixels: usize) -> Result<u16, FigureError> {
    u16::try_from(pixels)
        .map_err(|_| FigureError::data("the video", format!("{pixels} pixels are too many for a GIF")))
}

/// Hundredths of a second for which a frame is shown: whole ones, which add up to the right time.
fn delay(number: usize, fps: u32) -> u16 {
    let until = |frames: usize| (100 * frames as u64 + u64::from(fps) / 2) / u64::from(fps);
    (until(number + 1) - until(number)) as u16
}

/// The rectangle (left, top, right, bottom) outside of which nothing changed; a pixel where nothing did at all.
fn changed(before: &[u8], now: &[u8], width: usize) -> [usize; 4] {
    let [mut left, mut top, mut right, mut bottom] = [usize::MAX, usize::MAX, 0, 0];
    for (at, (a, b)) in before.iter().zip(now).enumerate() {
        if a != b {
            let (x, y) = (at % width, at / width);
            left = left.min(x);
            right = right.max(x + 1);
            top = top.min(y);
            bottom = bottom.max(y + 1);
        }
    }
    if right == 0 { [0, 0, 1, 1] } else { [left, top, right, bottom] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_hundredths_add_up_to_the_time() {
        for fps in [1, 7, 24, 25, 30, 50] {
            let total: u64 = (0..10 * fps as usize).map(|k| u64::from(delay(k, fps))).sum();
            assert_eq!(total, 1000, "{fps}");
            assert!((0..100).all(|k| delay(k, fps).abs_diff((100.0 / f64::from(fps)).round() as u16) <= 1));
        }
    }

    #[test]
    fn what_changed_lies_in_the_rectangle() {
        let before = [0; 20];
        let mut now = before;
        assert_eq!(changed(&before, &now, 5), [0, 0, 1, 1]);
        (now[6], now[13]) = (1, 2);
        assert_eq!(changed(&before, &now, 5), [1, 1, 4, 3]);
    }
}
