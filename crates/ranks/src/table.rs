//! Where dynamics come from, on the way: a source is code, and what travels is what it says.

use std::sync::atomic::{AtomicBool, Ordering};

use wr2l_rl::{DynamicsSource, LaneState};

use crate::values::Travels;
use crate::wire::{Malformed, Reader, Writer};

/// What a source says of the episodes that some lanes may come to.
#[derive(Debug)]
pub(crate) enum Table {
    /// All episodes share the dynamics, `[dim]`.
    Point(Vec<f64>),
    /// Each has its own.
    Rows {
        /// Number of the first lane.
        first: u64,
        /// Number of the first episode of each lane.
        episodes: Vec<u64>,
        /// Episodes of each lane.
        depth: usize,
        /// The dynamics, `[lanes, depth, dim]`.
        z: Vec<f64>,
        /// Whether an episode was asked for that is not there.
        short: AtomicBool,
    },
}

impl Table {
    /// What `source` says of `depth` episodes of each of these lanes, from the one on that it is at; the lanes are those
    /// from number `first` on.
    pub(crate) fn of(source: &dyn DynamicsSource, lanes: &[LaneState], first: u64, depth: usize) -> Self {
        if let Some(point) = source.point() {
            return Self::Point(point.to_vec());
        }
        let dim = lanes.first().map_or(0, |lane| lane.z.len());
        let mut z = vec![0.0; lanes.len() * depth * dim];
        if dim > 0 {
            for (i, row) in z.chunks_exact_mut(dim).enumerate() {
                let (lane, later) = (i / depth, i % depth);
                source.z(first + lane as u64, lanes[lane].episode + later as u64, row);
            }
        }
        let episodes = lanes.iter().map(|lane| lane.episode).collect();
        Self::Rows { first, episodes, depth, z, short: AtomicBool::new(false) }
    }

    /// Whether an episode was asked for of which it says nothing: then nothing that came of it counts.
    pub(crate) fn was_short(&self) -> bool {
        match self {
            Self::Point(_) => false,
            Self::Rows { short, .. } => short.load(Ordering::Relaxed),
        }
    }
}

impl DynamicsSource for Table {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        match self {
            Self::Point(point) => out.copy_from_slice(point),
            Self::Rows { first, episodes, depth, z, short } => {
                let place = || {
                    let lane = usize::try_from(lane.checked_sub(*first)?).ok()?;
                    let later = usize::try_from(episode.checked_sub(*episodes.get(lane)?)?).ok()?;
                    let at = (lane * depth + later) * out.len();
                    (later < *depth).then(|| z.get(at..at + out.len())).flatten()
                };
                match place() {
                    Some(row) => out.copy_from_slice(row),
                    None => {
                        short.store(true, Ordering::Relaxed);
                        out.fill(0.0);
                    }
                }
            }
        }
    }

    fn point(&self) -> Option<&[f64]> {
        match self {
            Self::Point(point) => Some(point),
            Self::Rows { .. } => None,
        }
    }
}

impl Travels for Table {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Point(point) => {
                to.byte(0);
                to.reals(point);
            }
            Self::Rows { first, episodes, depth, z, .. } => {
                to.byte(1);
                to.word(*first);
                to.list(episodes, |to, episode| to.word(*episode));
                to.count(*depth);
                to.reals(z);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(Self::Point(from.reals()?)),
            1 => Ok(Self::Rows {
                first: from.word()?,
                episodes: from.list(Reader::word)?,
                depth: from.count()?,
                z: from.reals()?,
                short: AtomicBool::new(false),
            }),
            _ => Err(Malformed),
        }
    }
}
