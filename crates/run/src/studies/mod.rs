//! What is done with trained policies: evaluations, pages, whole experiments.

pub(crate) mod destination;
pub(crate) mod episode;
pub(crate) mod estimate;
pub(crate) mod evaluation;
pub(crate) mod experiment;
pub(crate) mod film;
pub(crate) mod page;
pub(crate) mod redraw;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod setting;
pub(crate) mod simulate;
pub(crate) mod skeleton;
pub(crate) mod solid;
pub(crate) mod sweep;
pub(crate) mod video;
pub(crate) mod within;
