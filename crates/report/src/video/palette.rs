//! The few colours of a file.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::image::{Color, Image};

/// Colours that a palette has at most: one number of a byte is left for what does not change.
pub(crate) const MOST: usize = 255;

/// Counts colours, to choose among them.
#[derive(Default)]
pub(crate) struct Census(BTreeMap<Color, u64>);

impl Census {
    pub(crate) fn add(&mut self, image: &Image) {
        for &color in image.colors() {
            *self.0.entry(color).or_insert(0) += 1;
        }
    }

    /// Colours that are common or unlike all others: one after the other that which would be off most, in all its pixels together.
    pub(crate) fn palette(self) -> Palette {
        let counted: Vec<(Color, u64)> = self.0.into_iter().collect();
        let mut off: Vec<u64> = vec![u64::from(u32::MAX); counted.len()];
        let mut colors: Vec<Color> = Vec::new();
        while colors.len() < MOST {
            let cost = |k: &usize| (counted[*k].1.saturating_mul(off[*k]), std::cmp::Reverse(*k));
            let Some(worst) = (0..counted.len()).filter(|&k| off[k] > 0).max_by_key(cost) else { break };
            let color = counted[worst].0;
            colors.push(color);
            for (off, (other, _)) in off.iter_mut().zip(&counted) {
                *off = (*off).min(distance(color, *other));
            }
        }
        Palette { known: HashMap::new(), colors }
    }
}

/// How much two colours differ: a sum of squares.
fn distance(a: Color, b: Color) -> u64 {
    a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(b)).pow(2)).sum()
}

/// Numbered colours.
pub(crate) struct Palette {
    colors: Vec<Color>,
    /// What was looked up so far.
    known: HashMap<Color, u8>,
}

impl Palette {
    /// Red, green and blue of each.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.colors.concat()
    }

    /// The number of the nearest colour.
    pub(crate) fn number(&mut self, color: Color) -> u8 {
        let colors = &self.colors;
        *self.known.entry(color).or_insert_with(|| {
            let nearest = (0..colors.len()).min_by_key(|&k| distance(colors[k], color));
            nearest.unwrap_or(0) as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_colours_stay_and_others_become_near_ones() {
        let mut image = Image::new(40, 40, [250, 250, 250]);
        for k in 0..800_u16 {
            image.set(usize::from(k) % 40, usize::from(k) / 40, [(k % 200) as u8, (k / 200) as u8, 0]);
        }
        let mut census = Census::default();
        census.add(&image);
        let mut palette = census.palette();
        let bytes = palette.bytes();
        assert_eq!((bytes.len(), &bytes[..3]), (3 * MOST, &[250, 250, 250][..]));
        assert_eq!(palette.number([250, 250, 250]), 0);
        let mut shown = |color: Color| -> Color { bytes.as_chunks().0[usize::from(palette.number(color))] };
        // 800 colours on 254 numbers: none is far off.
        let far = image.colors().iter().map(|&color| distance(shown(color), color)).max();
        assert!(far <= Some(5), "{far:?}");
        assert_eq!(shown([255, 251, 250]), [250, 250, 250]);
    }

    #[test]
    fn few_colours_are_all_kept() {
        let mut image = Image::new(3, 1, [1, 2, 3]);
        image.set(1, 0, [1, 2, 4]);
        let mut census = Census::default();
        census.add(&image);
        assert_eq!(census.palette().bytes(), [1, 2, 3, 1, 2, 4]);
    }
}
