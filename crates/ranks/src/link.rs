//! How a process reaches the other ranks.

use std::io::{Read, Write};
use std::path::PathBuf;

use thiserror::Error;

/// The variable that says where a process stands in a job: `RANK SIZE SOCKET`.
pub const ENVIRONMENT: &str = "WR2L_RANK";

/// Where a process stands in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 0.
    pub rank: u32,
    /// How many there are, at least 1.
    pub size: u32,
    /// The socket of whoever passes messages on.
    pub socket: PathBuf,
}

/// Why a process cannot take part in a job.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The variable says nothing that a launcher writes.
    #[error("{ENVIRONMENT} is `{value}`, which is not `RANK SIZE SOCKET`: it is set by wr2l-mpi alone")]
    Place {
        /// Its value.
        value: String,
    },
    /// The socket does not answer.
    #[error("the launcher of this job cannot be reached at `{socket}`: {reason}")]
    Socket {
        /// The socket.
        socket: String,
        /// What the system said.
        reason: String,
    },
}

impl Place {
    /// What [`ENVIRONMENT`] is set to for a process.
    pub fn to_environment(&self) -> String {
        format!("{} {} {}", self.rank, self.size, self.socket.display())
    }

    /// The place that a value of [`ENVIRONMENT`] says.
    ///
    /// # Errors
    /// [`LinkError::Place`].
    pub fn from_environment(value: &str) -> Result<Self, LinkError> {
        let parts = || {
            let (rank, rest) = value.split_once(' ')?;
            let (size, socket) = rest.split_once(' ')?;
            let (rank, size) = (rank.parse().ok()?, size.parse().ok()?);
            (rank < size && !socket.is_empty()).then(|| Self { rank, size, socket: socket.into() })
        };
        parts().ok_or_else(|| LinkError::Place { value: value.to_owned() })
    }

    /// The link of a process in this place.
    ///
    /// # Errors
    /// [`LinkError::Socket`].
    pub fn link(&self) -> Result<Link, LinkError> {
        let refused = |error: std::io::Error| LinkError::Socket {
            socket: self.socket.display().to_string(),
            reason: error.to_string(),
        };
        self.connect().map_err(refused)
    }

    #[cfg(unix)]
    fn connect(&self) -> std::io::Result<Link> {
        let stream = std::os::unix::net::UnixStream::connect(&self.socket)?;
        let input = stream.try_clone()?;
        Ok(Link { size: self.size as usize, input: Box::new(input), output: Box::new(stream) })
    }

    #[cfg(not(unix))]
    fn connect(&self) -> std::io::Result<Link> {
        Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "this system has no such sockets"))
    }
}

/// A stream of messages ([`read_frame`](crate::read_frame)) to somebody who passes them on: what is written says for whom, what is
/// read from whom. Its end is the end of the job.
pub struct Link {
    /// Ranks of the job.
    pub size: usize,
    /// What others write.
    pub input: Box<dyn Read + Send>,
    /// What is written to others.
    pub output: Box<dyn Write + Send>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_the_environment_and_what_is_none_is_refused() {
        let place = Place { rank: 2, size: 3, socket: "some folder/socket".into() };
        assert_eq!(Place::from_environment(&place.to_environment()).unwrap(), place);
        for wrong in ["", "1", "1 2", "1 2 ", "2 2 s", "-1 2 s", "a 2 s", "0 0 s"] {
            let error = Place::from_environment(wrong).unwrap_err().to_string();
            assert!(error.contains("RANK SIZE SOCKET"), "{wrong}: {error}");
        }
    }
}
