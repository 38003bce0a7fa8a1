//! Plain numbers as bytes, little-endian, without gaps.

use thiserror::Error;

/// A message that this version cannot have written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a message that this version of wr2l does not understand")]
pub(crate) struct Malformed;

/// A message in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.word(value as u64);
    }

    pub(crate) fn word(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn real(&mut self, value: f64) {
        self.word(value.to_bits());
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.raw(value.as_bytes());
    }

    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn reals(&mut self, values: &[f64]) {
        self.count(values.len());
        self.bytes.reserve(8 * values.len());
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    pub(crate) fn floats(&mut self, values: &[f32]) {
        self.count(values.len());
        self.bytes.reserve(4 * values.len());
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    pub(crate) fn counts(&mut self, values: &[usize]) {
        self.count(values.len());
        values.iter().for_each(|value| self.count(*value));
    }

    /// A list, each item by `write`.
    pub(crate) fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.count(items.len());
        items.iter().for_each(|item| write(self, item));
    }
}

/// A message that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The bytes of as many items of `width` bytes as the next number says.
    fn items(&mut self, width: usize) -> Result<&'a [u8], Malformed> {
        let length = self.count()?.checked_mul(width).ok_or(Malformed)?;
        self.take(length)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.word()?).map_err(|_| Malformed)
    }

    pub(crate) fn word(&mut self) -> Result<u64, Malformed> {
        let (words, _) = self.take(8)?.as_chunks();
        Ok(u64::from_le_bytes(words[0]))
    }

    pub(crate) fn real(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_bits(self.word()?))
    }

    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.raw()?.to_vec()).map_err(|_| Malformed)
    }

    pub(crate) fn raw(&mut self) -> Result<&'a [u8], Malformed> {
        self.items(1)
    }

    pub(crate) fn reals(&mut self) -> Result<Vec<f64>, Malformed> {
        Ok(self.items(8)?.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    pub(crate) fn floats(&mut self) -> Result<Vec<f32>, Malformed> {
        Ok(self.items(4)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(crate) fn counts(&mut self) -> Result<Vec<usize>, Malformed> {
        self.list(Self::count)
    }

    /// A list, each item by `read`; an item takes at least a byte.
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.count()?;
        if count > self.rest.len() {
            return Err(Malformed);
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_to_the_bit_and_a_message_that_is_cut_is_malformed() {
        let mut writer = Writer::default();
        writer.byte(7);
        writer.real(-0.0);
        writer.reals(&[f64::NAN, 1e-310]);
        writer.floats(&[f32::MIN_POSITIVE]);
        writer.text("φ");
        writer.counts(&[3, 0]);
        writer.list(&[1_u64, 2], |writer, item| writer.word(*item));
        let bytes = writer.into_bytes();
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
            let all = (
                reader.byte()?,
                reader.real()?.to_bits(),
                bits(reader.reals()?),
                reader.floats()?,
                reader.text()?,
                reader.counts()?,
                reader.list(Reader::word)?,
            );
            reader.finish()?;
            Ok::<_, Malformed>(all)
        };
        let expected = (
            7,
            (-0.0_f64).to_bits(),
            vec![f64::NAN.to_bits(), 1e-310_f64.to_bits()],
            vec![f32::MIN_POSITIVE],
            "φ".to_owned(),
            vec![3, 0],
            vec![1, 2],
        );
        assert_eq!(read(&bytes), Ok(expected));
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Err(Malformed), "cut at {cut}");
        }
        assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(Malformed), "something is left over");
        assert_eq!(Reader::new(&[0xff; 8]).reals(), Err(Malformed), "an absurd length");
    }
}
