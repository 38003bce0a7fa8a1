//! One self-contained HTML page: tables, figures to explore, and a replay of the robot.
//!
//! The page holds its data as JSON, and its styles and its program as text; it asks for nothing else. What the
//! program does is in `page/page.js`, beside `page.html` and `page.css`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use wr2l_eval::{Bootstrap, Interval, Row, Scores, Table, method_lines};

use crate::figure::{self, FigureError};

mod solid;

pub use solid::{PartKind, SolidDrawing, SolidPart};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// What draws in three dimensions comes first: the page begins at the end of the other.
const SCRIPT: &str = concat!(include_str!("page/solid.js"), include_str!("page/page.js"));
/// Points of a performance profile.
const THRESHOLDS: usize = 61;

/// Everything that the page shows.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Heading.
    pub title: String,
    /// A sentence below it: task, physics, number of policies.
    pub about: String,
    /// A sentence below the summary: what its numbers are.
    pub summary_note: String,
    /// Methods, in the order of their colours.
    pub methods: Vec<String>,
    /// The task's parameters by name.
    pub parameters: BTreeMap<String, ParameterInfo>,
    /// Evaluations.
    pub sets: Vec<SystemSet>,
    /// Learning curves, one a method.
    pub curves: Vec<Curve>,
    /// What the curves' horizontal axis says.
    pub curves_label: String,
    /// What the adversaries chose, one a run.
    pub paths: Vec<AdversaryPath>,
    /// How the robot is drawn in a plane.
    pub skeleton: Option<Skeleton>,
    /// How it is drawn in three dimensions, where it does not move in a plane.
    pub solid: Option<SolidDrawing>,
    /// Recorded episodes.
    pub replay: Option<Replay>,
}

/// A dynamics parameter.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterInfo {
    /// Unit, `1` for none.
    pub unit: String,
    /// Reference value.
    pub nominal: f64,
    /// Smallest value.
    pub lower: f64,
    /// Largest value.
    pub upper: f64,
    /// Size of a unit of z.
    pub scale: f64,
}

/// Results of several policies over the same systems, or over those that a search found for each.
#[derive(Clone, Debug, Serialize)]
pub struct SystemSet {
    /// What the reader chooses it by.
    name: String,
    /// What it is, in a sentence.
    note: String,
    parameters: Vec<String>,
    /// Values of the axes of a grid, last fastest; none for other systems.
    axes: Option<Vec<Vec<f64>>>,
    /// Whether the systems are each policy's own, the worst ones that a search found.
    worst: bool,
    /// Outline of the ball, for a grid over two parameters.
    outline: Vec<(f64, f64)>,
    policies: Vec<PolicyResults>,
    summary: Summary,
    profile: Option<Profile>,
}

#[derive(Clone, Debug, Serialize)]
struct PolicyResults {
    method: String,
    policy: String,
    mean: Vec<f64>,
    sd: Vec<f64>,
    length: Vec<f64>,
    still: Option<Vec<f64>>,
    /// The systems, where every policy has its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phi: Vec<Vec<f64>>,
}

#[derive(Clone, Debug, Serialize)]
struct Summary {
    header: [String; 8],
    rows: Vec<[String; 8]>,
}

#[derive(Clone, Debug, Serialize)]
struct Profile {
    thresholds: Vec<f64>,
    methods: Vec<MethodProfile>,
}

#[derive(Clone, Debug, Serialize)]
struct MethodProfile {
    method: String,
    /// Share above each threshold, with its interval.
    share: Vec<[f64; 3]>,
}

/// A learning curve.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// The method.
    pub method: String,
    /// Positions.
    pub x: Vec<f64>,
    /// Heights.
    pub y: Vec<f64>,
    /// Lower edge of the band; none without one.
    pub low: Option<Vec<f64>>,
    /// Upper edge.
    pub high: Option<Vec<f64>>,
}

/// What an adversary chose, turn by turn.
#[derive(Clone, Debug, Serialize)]
pub struct AdversaryPath {
    /// The run.
    pub policy: String,
    /// The parameters.
    pub parameters: Vec<String>,
    /// Policy steps before each turn.
    pub steps: Vec<f64>,
    /// What it chose, in z; NaN where the episodes shared no point.
    #[serde(serialize_with = "short_rows")]
    pub z: Vec<Vec<f64>>,
    /// Outline of the ball in physical units, over two parameters.
    pub outline: Vec<(f64, f64)>,
}

/// A robot as capsules on links, in the plane of x (forward) and z (up), for drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skeleton {
    /// The links; a parent comes before its children.
    pub links: Vec<Link>,
    /// What the generalised height reads in the zero configuration, in m.
    pub height: f64,
    /// Whether there is a floor at z = 0.
    pub ground: bool,
    /// Half the length of the rail, where there is no floor.
    pub rail: f64,
    /// What to show.
    pub view: View,
    /// A link whose length is a parameter.
    pub length: Option<VariedLength>,
}

/// A body of a [`Skeleton`]; positions are those of the zero configuration, in m.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// Name of the body.
    pub name: String,
    /// Position in the list of the body that carries it.
    pub parent: Option<usize>,
    /// Where it is hinged.
    pub anchor: [f64; 2],
    /// Generalised position that turns it, if one does.
    pub angle: Option<usize>,
    /// Whether that angle turns z towards x (1) or away from it (−1).
    pub sign: f64,
    /// Generalised positions that shift it along x and along z, if it moves freely.
    pub slide: Option<(usize, Option<usize>)>,
    /// Its shapes.
    pub capsules: Vec<CapsuleShape>,
}

/// A rounded stick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CapsuleShape {
    /// One end.
    pub from: [f64; 2],
    /// The other.
    pub to: [f64; 2],
    /// Radius.
    pub radius: f64,
}

/// The window on the world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// Lowest z shown, in m.
    pub bottom: f64,
    /// Height of what is shown, in m.
    pub height: f64,
    /// Whether it follows the robot.
    pub follow: bool,
}

/// A link whose upper end a parameter moves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariedLength {
    /// The parameter.
    pub parameter: String,
    /// The link.
    pub link: usize,
    /// Length of the link per unit of the parameter.
    pub factor: f64,
}

/// Recorded episodes of several policies under the same few dynamics.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// What was recorded, in a sentence.
    pub note: String,
    /// Seconds between two frames.
    pub dt: f64,
    /// Names of the policies.
    pub policies: Vec<String>,
    /// The dynamics.
    pub dynamics: Vec<ReplayDynamics>,
    /// One episode a policy and dynamics.
    pub episodes: Vec<ReplayEpisode>,
}

/// Dynamics of a replay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayDynamics {
    /// What the reader chooses it by.
    pub label: String,
    /// Physical values of what differs from the reference.
    pub phi: BTreeMap<String, f64>,
}

/// A recorded episode: in each frame the generalised positions (of a [`Skeleton`]) or the places of bodies (of a
/// [`SolidDrawing`]) and the return so far, each as 16 bits between its smallest and its largest value, little endian, in base 64.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayEpisode {
    /// Number of the policy.
    pub policy: usize,
    /// Number of the dynamics.
    pub dynamics: usize,
    /// Return.
    pub ret: f64,
    /// Steps.
    pub length: u32,
    /// How it ended, in words.
    pub ended: String,
    low: Vec<f64>,
    high: Vec<f64>,
    data: String,
}

impl ReplayEpisode {
    /// Packs frames (`[frames, channels]`, row-major), the last of whose channels is the return so far.
    pub fn new(
        (policy, dynamics): (usize, usize),
        (ret, length, ended): (f64, u32, String),
        frames: &[f64],
        channels: usize,
    ) -> Self {
        let mut low = vec![f64::INFINITY; channels];
        let mut high = vec![f64::NEG_INFINITY; channels];
        for row in frames.chunks_exact(channels) {
            for (k, &value) in row.iter().enumerate() {
                low[k] = low[k].min(value);
                high[k] = high[k].max(value);
            }
        }
        let mut bytes = Vec::with_capacity(2 * frames.len());
        for row in frames.chunks_exact(channels) {
            for (k, &value) in row.iter().enumerate() {
                let width = (high[k] - low[k]).max(f64::MIN_POSITIVE);
                // Saturates: NaN, which no frame should have, becomes 0.
                let level = ((value - low[k]) / width * 65535.0).round() as u16;
                bytes.extend(level.to_le_bytes());
            }
        }
        Self { policy, dynamics, ret, length, ended, low, high, data: base64(&bytes) }
    }
}

/// Base 64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= three.len() { digit } else { '=' });
        }
    }
    text
}

impl SystemSet {
    /// The results in `tables`, all over the same systems or each over its own worst ones; `outline` is the ball's,
    /// in physical units, if it is to be drawn in.
    ///
    /// # Errors
    /// [`FigureError::Empty`] for no table; [`FigureError::Data`] if tables are over different systems.
    pub fn new(name: String, tables: &[Table], outline: Vec<(f64, f64)>) -> Result<Self, FigureError> {
        let first = tables.first().ok_or_else(|| FigureError::Empty("no table".into()))?;
        let worst = first.provenance.searched();
        let systems = |table: &Table| table.rows.iter().map(|row| row.phi.clone()).collect::<Vec<_>>();
        for table in tables {
            if !worst && (table.parameters != first.parameters || systems(table) != systems(first)) {
                let what = format!("`{} {}`", table.provenance.method, table.provenance.policy);
                return Err(FigureError::data(what, "its systems are not those of the other tables"));
            }
        }
        let episodes = first.rows.first().map_or(0, |row| row.episodes);
        let actions = if first.provenance.stochastic { "sampled" } else { "mean" };
        let systems = match first.rows.len() {
            _ if worst => "the worst system found for each policy".into(),
            1 => "1 system".into(),
            count => format!("{count} systems"),
        };
        let note = format!(
            "{systems} ({}), {episodes} episodes each, {actions} actions, {} physics",
            first.provenance.systems, first.provenance.physics
        );
        let axes = first.axes().filter(|_| !worst);
        let axes = axes.map(|axes| axes.iter().map(|axis| axis.values().to_vec()).collect());
        let [header, rows @ ..] = &method_lines(tables)[..] else {
            return Err(FigureError::Empty("no method".into()));
        };
        Ok(Self {
            name,
            note,
            parameters: first.parameters.clone(),
            axes,
            worst,
            outline: outline.into_iter().map(|(x, y)| (short(x), short(y))).collect(),
            policies: tables.iter().map(|table| PolicyResults::new(table, worst)).collect(),
            summary: Summary { header: header.clone(), rows: rows.to_vec() },
            profile: if worst { None } else { Profile::new(tables) },
        })
    }
}

impl PolicyResults {
    fn new(table: &Table, own: bool) -> Self {
        let column = |of: fn(&Row) -> f64| table.rows.iter().map(|row| short(of(row))).collect();
        let known = table.rows.iter().any(|row| row.still.is_some());
        Self {
            method: table.provenance.method.clone(),
            policy: table.provenance.policy.clone(),
            mean: column(|row| row.mean),
            sd: column(|row| row.sd),
            length: column(|row| row.length),
            still: known.then(|| column(|row| row.still_share().unwrap_or(f64::NAN))),
            phi: if own { table.rows.iter().map(|row| row.phi.clone()).collect() } else { Vec::new() },
        }
    }
}

impl Profile {
    /// Profiles of the methods whose policies all have a value on every system.
    fn new(tables: &[Table]) -> Option<Self> {
        let values =
            || tables.iter().flat_map(|table| &table.rows).map(|row| row.mean).filter(|v| v.is_finite());
        let (low, high) =
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if low >= high {
            return None;
        }
        let low = low.min(0.0);
        let step = (high - low) / (THRESHOLDS - 1) as f64;
        let thresholds: Vec<f64> = (0..THRESHOLDS).map(|k| short(low + step * k as f64)).collect();
        let mut methods: Vec<MethodProfile> = Vec::new();
        for table in tables {
            let method = &table.provenance.method;
            if methods.iter().any(|one| one.method == *method) {
                continue;
            }
            let members = tables.iter().filter(|other| other.provenance.method == *method);
            let runs: Vec<Vec<f64>> =
                members.map(|table| table.rows.iter().map(|row| row.mean).collect()).collect();
            let Ok(scores) = Scores::new(&runs) else { continue };
            let profile = scores.profile(&thresholds, Bootstrap::default());
            let share =
                profile.iter().map(|Interval { estimate, low, high }| [*estimate, *low, *high].map(short));
            methods.push(MethodProfile { method: method.clone(), share: share.collect() });
        }
        Some(Self { thresholds, methods })
    }
}

/// Six digits, more than anybody reads off a page.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Each row in [`short`] numbers: hundreds of turns of many runs are most of a page.
fn short_rows<S: serde::Serializer>(rows: &[Vec<f64>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rows.iter().map(|row| row.iter().map(|&value| short(value)).collect::<Vec<_>>()))
}

impl Page {
    /// The page as HTML text, whose bytes depend on its data alone.
    ///
    /// # Errors
    /// [`FigureError::Drawing`], never for numbers and text.
    pub fn to_html(&self) -> Result<String, FigureError> {
        let data = serde_json::to_string(self).map_err(|error| FigureError::Drawing(error.to_string()))?;
        // No text of the data can end its element or begin a comment in it.
        let data = data.replace('<', "\\u003c");
        Ok(HTML.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", SCRIPT).replacen("/*DATA*/", &data, 1))
    }

    /// Writes [`Page::to_html`] to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`Page::to_html`], and [`FigureError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FigureError> {
        figure::write(path, &self.to_html()?)
    }
}

#[cfg(test)]
mod tests;
