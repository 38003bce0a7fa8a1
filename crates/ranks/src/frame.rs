//! Messages on a stream: who, how long, and the bytes.

use std::io::{self, Read, Write};

/// The longest message, in bytes: longer ones are taken for a broken stream.
const LONGEST: u64 = 1 << 34;
/// What is read at once: a length that is wrong must not ask for memory that is never filled.
const PIECE: u64 = 1 << 24;

/// Writes a message for, or from, the rank `rank`: its number (u32) and the length (u64), little-endian, then the bytes.
///
/// # Errors
/// Those of the stream.
pub fn write_frame(stream: &mut impl Write, rank: u32, message: &[u8]) -> io::Result<()> {
    let mut head = [0; 12];
    head[..4].copy_from_slice(&rank.to_le_bytes());
    head[4..].copy_from_slice(&(message.len() as u64).to_le_bytes());
    stream.write_all(&head)?;
    stream.write_all(message)?;
    stream.flush()
}

/// Reads a message written by [`write_frame`]: the rank and the bytes.
///
/// # Errors
/// Those of the stream, [`io::ErrorKind::UnexpectedEof`] at its end; [`io::ErrorKind::InvalidData`] for a length beyond 16 GiB.
pub fn read_frame(stream: &mut impl Read) -> io::Result<(u32, Vec<u8>)> {
    let (mut rank, mut length) = ([0; 4], [0; 8]);
    stream.read_exact(&mut rank)?;
    stream.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of impossible length"));
    }
    let mut message = Vec::with_capacity(length.min(PIECE) as usize);
    let got = stream.take(length).read_to_end(&mut message)?;
    if got as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((u32::from_le_bytes(rank), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_in_order_and_what_is_cut_or_absurd_is_an_error() {
        let mut stream = Vec::new();
        write_frame(&mut stream, 3, b"some bytes").unwrap();
        write_frame(&mut stream, 0, b"").unwrap();
        let mut rest = &stream[..];
        assert_eq!(read_frame(&mut rest).unwrap(), (3, b"some bytes".to_vec()));
        assert_eq!(read_frame(&mut rest).unwrap(), (0, Vec::new()));
        assert_eq!(read_frame(&mut rest).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        for cut in 0..22 {
            assert!(read_frame(&mut &stream[..cut]).is_err(), "cut at {cut}");
        }
        stream[4..12].fill(0xff);
        assert_eq!(read_frame(&mut &stream[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
