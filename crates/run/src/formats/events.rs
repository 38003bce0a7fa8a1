//! TensorBoard's event files: records of scalars, framed as TensorFlow frames them.
//!
//! A record is the length of its data (u64, little-endian), a checksum of that, the data, a checksum of these. The
//! checksums are CRC-32C, rotated and shifted ("masked"). The data is a protocol buffer `Event`; the few fields that
//! scalars need are written here by hand:
//! `Event { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary { 1: Value { 1: string tag,
//! 2: float simple_value } } }`.

use std::io::{BufRead, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::error::RunError;
use crate::formats::log::Appended;

/// TensorBoard reads every file with `tfevents` in its name.
pub(crate) const EVENTS: &str = "events.out.tfevents.wr2l";
/// Largest record that this project writes, with room to spare.
const MAX_RECORD: u64 = 1 << 20;

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// An event file that grows by a record at a time.
#[derive(Debug)]
pub(crate) struct EventLog {
    file: Appended,
}

impl EventLog {
    /// A new file. Its first record names the version of the format.
    pub(crate) fn create(path: &Path) -> Result<Self, RunError> {
        let mut log = Self { file: Appended::create(path)? };
        let mut event = wall_time();
        bytes_field(&mut event, 3, b"brain.Event:2");
        log.record(&event)?;
        Ok(log)
    }

    /// The file of a run that goes on after `events` calls of [`EventLog::scalars`]: later records go. Records that
    /// cannot be read, and all after them, go as well; without any, the file begins anew.
    pub(crate) fn resume(path: &Path, events: u64) -> Result<Self, RunError> {
        if !path.exists() {
            return Self::create(path);
        }
        let mut whole = 0;
        let file = Appended::resume(path, |file| {
            let mut length = 0;
            while whole <= events {
                let Some(record) = skip_record(file).map_err(|error| RunError::io("read", path, &error))?
                else {
                    break;
                };
                length += record;
                whole += 1;
            }
            Ok(length)
        })?;
        if whole == 0 { Self::create(path) } else { Ok(Self { file }) }
    }

    /// Appends the scalars of one step; those that are not finite are left out.
    pub(crate) fn scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), RunError> {
        let mut summary = Vec::new();
        for &(tag, value) in scalars.iter().filter(|(_, value)| value.is_finite()) {
            let mut one = Vec::new();
            bytes_field(&mut one, 1, tag.as_bytes());
            key(&mut one, 2, 5);
            one.extend((value as f32).to_le_bytes());
            bytes_field(&mut summary, 1, &one);
        }
        let mut event = wall_time();
        key(&mut event, 2, 0);
        varint(&mut event, step);
        bytes_field(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Waits until all records are on the disk.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        self.file.sync()
    }

    fn record(&mut self, data: &[u8]) -> Result<(), RunError> {
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked(&length).to_le_bytes());
        record.extend(data);
        record.extend(masked(data).to_le_bytes());
        self.file.append(&record)
    }
}

/// The length of the next record, frame included; `None` where there is no whole one.
fn skip_record(file: &mut impl BufRead) -> std::io::Result<Option<u64>> {
    let mut header = [0; 12];
    if !read_all(file, &mut header)? {
        return Ok(None);
    }
    let (length, sum) = header.split_at(8);
    let size = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    if masked(length).to_le_bytes() != sum || size > MAX_RECORD {
        return Ok(None);
    }
    let mut data = vec![0; size as usize + 4];
    if !read_all(file, &mut data)? {
        return Ok(None);
    }
    let (data, sum) = data.split_at(size as usize);
    Ok((masked(data).to_le_bytes() == sum).then_some(12 + size + 4))
}

fn read_all(file: &mut impl Read, to: &mut [u8]) -> std::io::Result<bool> {
    match file.read_exact(to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// TensorFlow's masking, so that the checksum of data that holds checksums is not a special case.
fn masked(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// An event that holds its time.
fn wall_time() -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut event = Vec::new();
    key(&mut event, 1, 1);
    event.extend(now.to_le_bytes());
    event
}

fn key(to: &mut Vec<u8>, field: u64, wire_type: u64) {
    varint(to, field << 3 | wire_type);
}

fn bytes_field(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    key(to, field, 2);
    varint(to, bytes.len() as u64);
    to.extend(bytes);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_tensorflows() {
        // "123456789" is the usual check of CRC-32C.
        assert_eq!(CRC.checksum(b"123456789"), 0xe306_9283);
        assert_eq!(masked(b""), 0xa282_ead8);
    }

    #[test]
    fn numbers_are_written_as_protocol_buffers_write_them() {
        let mut bytes = Vec::new();
        varint(&mut bytes, 300);
        key(&mut bytes, 5, 2);
        assert_eq!(bytes, [0xac, 0x02, 0x2a]);
    }

    #[test]
    fn a_file_that_goes_on_is_cut_to_the_records_that_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EVENTS);
        let mut log = EventLog::create(&path).unwrap();
        let mut lengths = vec![std::fs::read(&path).unwrap().len()];
        for step in 0..4 {
            log.scalars(step, &[("a", 0.5), ("b", f64::NAN)]).unwrap();
            lengths.push(std::fs::read(&path).unwrap().len());
        }
        let bytes = std::fs::read(&path).unwrap();
        let resumed = |content: &[u8], events: u64| {
            std::fs::write(&path, content).unwrap();
            EventLog::resume(&path, events).unwrap();
            std::fs::read(&path).unwrap().len()
        };
        assert_eq!(resumed(&bytes, 2), lengths[2]);
        assert_eq!(resumed(&bytes, 9), lengths[4]);
        for cut in lengths[2]..lengths[3] {
            assert_eq!(resumed(&bytes[..cut], 4), lengths[2], "cut at {cut}");
            let mut damaged = bytes.clone();
            damaged[cut] ^= 1;
            assert_eq!(resumed(&damaged, 4), lengths[2], "damaged at {cut}");
        }
        assert_eq!(resumed(b"not an event file, but long enough to be one", 4), lengths[0]);
        let huge = u64::MAX.to_le_bytes();
        assert_eq!(resumed(&[&huge[..], &masked(&huge).to_le_bytes()].concat(), 4), lengths[0]);
    }
}
