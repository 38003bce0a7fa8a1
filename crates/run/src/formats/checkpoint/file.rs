//! One checkpoint: a frame around a safetensors file.
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | `wr2lckpt` |
//! | 8..12 | version of this layout, little-endian: 1 |
//! | 12..16 | 0 |
//! | 16..24 | length of the payload, little-endian |
//! | 24.. | the payload: a safetensors file of one-dimensional arrays, F64, U64, F32 and U8 |
//! | last 8 | CRC-64 (XZ) of all bytes before, little-endian |
//!
//! The payload's metadata has one key, `wr2l`: a JSON object ([`Header`]).

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crc::{CRC_64_XZ, Crc, Digest, Table};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use wr2l_rl::{Array, State};

use crate::error::RunError;
use crate::formats::files::NewFile;

const MAGIC: &[u8; 8] = b"wr2lckpt";
const VERSION: u32 = 1;
/// Bytes before the payload, and after it.
const BEFORE: u64 = 24;
const AFTER: u64 = 8;
/// Bytes converted, hashed or read at a time.
const CHUNK: usize = 1 << 16;
/// Longest list of names and shapes: safetensors' own limit.
const MAX_HEADER: u64 = 100_000_000;
const KEY: &str = "wr2l";

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// What a checkpoint says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// Version of wr2l that wrote it.
    pub(crate) version: String,
    /// The vector instructions that it was computed with: others may round differently.
    pub(crate) instructions: String,
    /// The plan, as TOML.
    pub(crate) plan: String,
}

/// Why a file is no usable checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The system refused to read it.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It does not begin as a checkpoint does.
    #[error("is no checkpoint")]
    Foreign,
    /// It was written by another version of wr2l.
    #[error("has layout {found}, which this version of wr2l does not know (it knows {VERSION})")]
    Version {
        /// The version found.
        found: u32,
    },
    /// It has another length than it says.
    #[error("is {found} bytes long instead of {expected}: it was not written to its end, or cut")]
    Length {
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// Its bytes are not those that were written.
    #[error("is damaged: its checksum does not match")]
    Checksum,
    /// Its bytes are those that were written, but they make no sense.
    #[error("makes no sense: {0}")]
    Content(String),
}

/// Writes a checkpoint: it is on disk, in one piece, when this returns.
///
/// Arrays go to the file in pieces, so that a large one takes no memory besides its own.
pub(super) fn write(path: &Path, header: &Header, state: &State<'_>) -> Result<(), RunError> {
    let text = safetensors_header(header, state).map_err(|error| RunError::content(path, None, error))?;
    let data: u64 = state.arrays().map(|(_, array)| bytes_of(array)).sum();
    let mut out = Hashed { file: NewFile::create(path)?, digest: CRC.digest() };
    out.write(MAGIC)?;
    out.write(&VERSION.to_le_bytes())?;
    out.write(&[0; 4])?;
    out.write(&(8 + text.len() as u64 + data).to_le_bytes())?;
    out.write(&(text.len() as u64).to_le_bytes())?;
    out.write(text.as_bytes())?;
    for (_, array) in in_order(state) {
        match array {
            Array::F32(values) => out.numbers(values, |v| v.to_le_bytes())?,
            Array::F64(values) => out.numbers(values, |v| v.to_le_bytes())?,
            Array::U64(values) => out.numbers(values, |v| v.to_le_bytes())?,
            Array::U8(values) => out.write(values)?,
        }
    }
    let Hashed { mut file, digest } = out;
    file.write(&digest.finalize().to_le_bytes())?;
    file.finish()
}

/// A file, and the checksum of what went there.
struct Hashed {
    file: NewFile,
    digest: Digest<'static, u64, Table<16>>,
}

impl Hashed {
    fn write(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        self.digest.update(bytes);
        self.file.write(bytes)
    }

    fn numbers<T: Copy, const N: usize>(
        &mut self,
        values: &[T],
        bytes: impl Fn(T) -> [u8; N],
    ) -> Result<(), RunError> {
        let mut buffer = Vec::with_capacity(CHUNK);
        for piece in values.chunks(CHUNK / N) {
            buffer.clear();
            buffer.extend(piece.iter().flat_map(|&value| bytes(value)));
            self.write(&buffer)?;
        }
        Ok(())
    }
}

/// Arrays of wide numbers first, so that all are aligned to their width.
fn in_order<'s, 'a>(state: &'s State<'a>) -> Vec<(&'s str, &'s Array<'a>)> {
    let mut arrays: Vec<_> = state.arrays().collect();
    arrays.sort_by_key(|(_, array)| std::cmp::Reverse(kind(array).1));
    arrays
}

/// Kind and width in bytes of an array's numbers.
fn kind(array: &Array<'_>) -> (Dtype, u64) {
    match array {
        Array::F64(_) => (Dtype::F64, 8),
        Array::U64(_) => (Dtype::U64, 8),
        Array::F32(_) => (Dtype::F32, 4),
        Array::U8(_) => (Dtype::U8, 1),
    }
}

fn bytes_of(array: &Array<'_>) -> u64 {
    array.len() as u64 * kind(array).1
}

/// The JSON that a safetensors file begins with, padded with spaces to a multiple of 8 bytes.
fn safetensors_header(header: &Header, state: &State<'_>) -> Result<String, String> {
    let message = |error: serde_json::Error| error.to_string();
    let about = serde_json::to_string(header).map_err(message)?;
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".into(), serde_json::json!({ KEY: about }));
    let mut end = 0;
    for (name, array) in in_order(state) {
        let start = end;
        end += bytes_of(array);
        let entry = serde_json::json!({
            "dtype": kind(array).0,
            "shape": [array.len()],
            "data_offsets": [start, end],
        });
        entries.insert(name.to_owned(), entry);
    }
    let mut text = serde_json::to_string(&entries).map_err(message)?;
    while text.len() % 8 != 0 {
        text.push(' ');
    }
    Ok(text)
}

/// Reads a checkpoint. Whatever the file holds, this returns, and makes no room for more than the file really holds.
///
/// The state is that of a run between two iterations; only a run of the same plan can make use of it.
///
/// # Errors
/// [`CheckpointError`].
pub fn read_checkpoint(path: &Path) -> Result<State<'static>, CheckpointError> {
    read(path).map(|(_, state)| state)
}

pub(crate) fn read(path: &Path) -> Result<(Header, State<'static>), CheckpointError> {
    // Opening a pipe would wait for somebody to write into it.
    if !path.metadata()?.is_file() {
        return Err(CheckpointError::Foreign);
    }
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let mut file = BufReader::with_capacity(CHUNK, file);
    let payload = verify(&mut file, meta.len())?;
    file.seek(SeekFrom::Start(BEFORE))?;
    parse(&mut file, payload)
}

/// Whether a file begins as a checkpoint does.
pub(crate) fn is_checkpoint(path: &Path) -> bool {
    let mut begins = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begins));
    read.is_ok() && begins == *MAGIC
}

/// Checks frame and checksum of a file of `found` bytes; returns the length of the payload.
fn verify(file: &mut impl Read, found: u64) -> Result<u64, CheckpointError> {
    let mut digest = CRC.digest();
    let mut before = [0; BEFORE as usize];
    let expected = BEFORE + 8 + AFTER;
    if found < expected {
        return Err(CheckpointError::Length { expected, found });
    }
    file.read_exact(&mut before)?;
    digest.update(&before);
    if before[..8] != *MAGIC {
        return Err(CheckpointError::Foreign);
    }
    let version = u32::from_le_bytes([before[8], before[9], before[10], before[11]]);
    if version != VERSION {
        return Err(CheckpointError::Version { found: version });
    }
    let payload = read_u64(&mut &before[16..])?;
    let expected = payload.saturating_add(BEFORE + AFTER);
    if expected != found {
        return Err(CheckpointError::Length { expected, found });
    }
    let mut chunk = vec![0; CHUNK];
    let mut left = payload;
    while left > 0 {
        let piece = &mut chunk[..left.min(CHUNK as u64) as usize];
        file.read_exact(piece)?;
        digest.update(piece);
        left -= piece.len() as u64;
    }
    if read_u64(file)? != digest.finalize() {
        return Err(CheckpointError::Checksum);
    }
    Ok(payload)
}

/// Reads a safetensors file of `length` bytes, array by array.
fn parse(file: &mut impl Read, length: u64) -> Result<(Header, State<'static>), CheckpointError> {
    let wrong = |reason: String| CheckpointError::Content(reason);
    let size = read_u64(file)?;
    if size > MAX_HEADER || size > length - 8 {
        return Err(wrong("its list of arrays is longer than the file".into()));
    }
    let mut text = vec![0; size as usize];
    file.read_exact(&mut text)?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    drop(text);
    let about = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
    let about = about.ok_or_else(|| wrong(format!("its metadata has no key `{KEY}`")))?;
    let header = serde_json::from_str(about).map_err(|error| wrong(error.to_string()))?;

    let mut state = State::default();
    let mut at = 0;
    let data = length - 8 - size;
    for name in metadata.offset_keys() {
        let broken = || wrong(format!("array `{name}` does not lie where the list says"));
        let info = metadata.info(&name).ok_or_else(broken)?;
        let (start, end) = info.data_offsets;
        let (start, end) = (start as u64, end as u64);
        let [n] = info.shape[..] else { return Err(broken()) };
        let width = match info.dtype {
            Dtype::F64 | Dtype::U64 => 8,
            Dtype::F32 => 4,
            Dtype::U8 => 1,
            other => return Err(wrong(format!("array `{name}` holds {other:?}"))),
        };
        // Within the file, so that no room is made for what is not there.
        if start != at || end < start || end > data || (n as u64).checked_mul(width) != Some(end - start) {
            return Err(broken());
        }
        at = end;
        let array = match info.dtype {
            Dtype::F64 => Array::F64(Cow::Owned(numbers(file, n, f64::from_le_bytes)?)),
            Dtype::U64 => Array::U64(Cow::Owned(numbers(file, n, u64::from_le_bytes)?)),
            Dtype::F32 => Array::F32(Cow::Owned(numbers(file, n, f32::from_le_bytes)?)),
            _ => Array::U8(Cow::Owned(numbers(file, n, |[byte]: [u8; 1]| byte)?)),
        };
        state.put(&name, array);
    }
    if at != data {
        return Err(wrong("it holds bytes that belong to no array".into()));
    }
    Ok((header, state))
}

fn numbers<T, const N: usize>(
    file: &mut impl Read,
    n: usize,
    value: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, CheckpointError> {
    let mut values = Vec::with_capacity(n);
    let mut bytes = [0; N];
    for _ in 0..n {
        file.read_exact(&mut bytes)?;
        values.push(value(bytes));
    }
    Ok(values)
}

fn read_u64(file: &mut impl Read) -> Result<u64, CheckpointError> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The parser behind the checksum, for tests of hostile content: a frame is put around `payload`.
#[cfg(test)]
pub(crate) fn parse_payload(payload: &[u8]) -> Result<(Header, State<'static>), CheckpointError> {
    if payload.len() < 8 {
        return Err(CheckpointError::Content("too short".into()));
    }
    parse(&mut &*payload, payload.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use safetensors::SafeTensors;

    fn header() -> Header {
        Header { version: "0.1.0".into(), instructions: "avx2".into(), plan: "task = \"hopper\"\n".into() }
    }

    fn state() -> State<'static> {
        let mut state = State::default();
        state.put("learner.params", (0..40_000).map(|i| i as f32 * 0.1).collect::<Vec<_>>());
        state.put("course.returns", vec![f64::NAN, f64::NEG_INFINITY, -0.0, 5e-324]);
        state.put("course.steps", u64::MAX);
        state.put("ball", b"text".to_vec());
        state.put("empty", Vec::<f32>::new());
        state
    }

    fn written() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        write(&path, &header(), &state()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        (folder, path, bytes)
    }

    #[test]
    fn a_checkpoint_reads_back_to_the_bit_and_writes_the_same_bytes() {
        let (_folder, path, bytes) = written();
        let (read_header, read_state) = read(&path).unwrap();
        assert_eq!(read_header, header());
        write(&path, &read_header, &read_state).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        let mut back = read_state;
        assert_eq!(back.take_any::<f64>("course.returns").unwrap()[3], 5e-324);
        assert_eq!(back.one::<u64>("course.steps").unwrap(), u64::MAX);
    }

    #[test]
    fn the_payload_is_a_safetensors_file_that_others_read() {
        let (_folder, _, bytes) = written();
        let payload = &bytes[BEFORE as usize..bytes.len() - AFTER as usize];
        let file = SafeTensors::deserialize(payload).unwrap();
        assert_eq!(file.tensor("learner.params").unwrap().shape(), [40_000]);
        assert_eq!(file.tensor("ball").unwrap().data(), b"text");
    }

    /// Issue: every single-bit and truncation damage in a sampled set of 1,000 is detected.
    #[test]
    fn a_thousand_damages_are_all_detected() {
        let (_folder, path, bytes) = written();
        let mut stream = wr2l_rng::StreamKey::new(5, wr2l_rng::Purpose::Test).stream();
        let refused = |damaged: &[u8], what: &str| {
            std::fs::write(&path, damaged).unwrap();
            assert!(read(&path).is_err(), "{what}");
        };
        let start = BEFORE as usize + 700;
        for i in 0..800 {
            // The frame and the list of arrays bit by bit at first, then anywhere.
            let bit = if i < 192 {
                i
            } else if i < 400 {
                stream.below(start * 8)
            } else {
                stream.below(bytes.len() * 8)
            };
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            refused(&damaged, &format!("bit {bit}"));
        }
        for i in 0..200 {
            let length = if i < 60 { i } else { stream.below(bytes.len()) };
            refused(&bytes[..length], &format!("cut to {length} bytes"));
        }
        refused(&[bytes.as_slice(), b"x"].concat(), "a byte more");
        refused(&[bytes.as_slice(), bytes.as_slice()].concat(), "twice");
        refused(&[], "nothing");
        std::fs::write(&path, &bytes).unwrap();
        assert!(read(&path).is_ok());
        assert!(read(path.parent().unwrap()).is_err(), "a folder");
        assert!(read(Path::new("/dev/zero")).is_err(), "a device");
    }

    #[test]
    fn lists_that_promise_more_than_the_file_holds_are_refused_before_room_is_made() {
        let list = |text: &str, data: &[u8]| {
            [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), data].concat()
        };
        let about = serde_json::to_string(&serde_json::to_string(&header()).unwrap()).unwrap();
        let with = |arrays: &str| format!(r#"{{"__metadata__":{{"wr2l":{about}}},{arrays}}}"#);
        let good = with(r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#);
        assert!(parse_payload(&list(&good, &[0; 4])).is_ok());
        for (text, data) in [
            (with(r#""a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}"#), 4),
            (with(r#""a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}"#), 4),
            (with(r#""a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#), 8),
            (with(r#""a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#), 4),
            (with(r#""a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}"#), 4),
            (with(r#""a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}"#), 4),
            (good.clone(), 5),
            (good.replace("wr2l", "other"), 4),
            ("{}".into(), 0),
            ("[".repeat(100_000), 0),
        ] {
            assert!(parse_payload(&list(&text, &vec![0; data])).is_err(), "{text}");
        }
        assert!(parse_payload(&[0xff; 64]).is_err());
    }

    proptest! {
        #[test]
        fn no_payload_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_payload(&bytes);
        }

        #[test]
        fn no_change_of_the_list_makes_the_parser_panic(
            at in 0_usize..600,
            with in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let text = safetensors_header(&header(), &state()).unwrap();
            let mut text = text.into_bytes();
            let at = at.min(text.len());
            let end = (at + with.len()).min(text.len());
            text.splice(at..end, with);
            let _ = parse_payload(&[&(text.len() as u64).to_le_bytes()[..], &text, &[0; 4000]].concat());
        }
    }
}
