//! Messages on a socket, as the crate `wr2l-ranks` writes them: a rank (u32), a length (u64), both little-endian, and the bytes.

use std::io::{self, Read, Write};

/// The longest message that MPI's counts can tell.
const LONGEST: u64 = i32::MAX as u64;

pub(crate) fn write(stream: &mut impl Write, rank: u32, message: &[u8]) -> io::Result<()> {
    let mut head = [0; 12];
    head[..4].copy_from_slice(&rank.to_le_bytes());
    head[4..].copy_from_slice(&(message.len() as u64).to_le_bytes());
    stream.write_all(&head)?;
    stream.write_all(message)
}

/// The next message and the rank it is for.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<(u32, Vec<u8>)> {
    let (mut rank, mut length) = ([0; 4], [0; 8]);
    stream.read_exact(&mut rank)?;
    stream.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        let reason = format!("a message of {length} bytes: more than 2 GiB at once is too much for MPI");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut message = vec![0; length as usize];
    stream.read_exact(&mut message)?;
    Ok((u32::from_le_bytes(rank), message))
}
