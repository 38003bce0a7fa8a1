//! The policy that a run begins with: of another run, or from a file.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crc::{CRC_64_XZ, Crc};
use safetensors::SafeTensors;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wr2l_rl::{Actor, Learner, RlError, Start, State, StateError, is_learnt};

use crate::error::RunError;
use crate::formats::checkpoint::{self, Checkpoints, is_checkpoint};
use crate::formats::folder::{FROM, RunFolder};
use crate::formats::policy_file::{
    PolicyOrigin, VariedParameter, parse, policy_bytes, read_bytes, read_policy, unusable,
};
use crate::formats::tensors::{arrays, state_of};

/// The file in [`FROM`].
const FILE: &str = "policy.safetensors";
/// What the names of arrays begin with that a learner takes over.
const LEARNT: &str = "learner.";

static CRC: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);

/// A policy that a run begins with, as its plan names it: a run folder, one of its checkpoints, or a policy's file. Equal are those
/// of the same content. Cheap to clone.
///
/// Of a run it is the policy of the newest checkpoint, with what its learner has learnt besides; of a file it is the policy alone. The run
/// that begins with it keeps all of that, so that it needs nothing else.
#[derive(Clone)]
pub struct StartRef {
    /// As it was given.
    handle: Arc<str>,
    content: Arc<Content>,
}

struct Content {
    /// Of the file that a run keeps.
    bytes: Vec<u8>,
    /// Tells them apart.
    print: u64,
    actor: Actor,
    origin: PolicyOrigin,
    /// What its learner has learnt besides.
    learnt: State<'static>,
}

/// Those that were opened in this process: a plan is taken apart and put together often.
static OPENED: LazyLock<Mutex<HashMap<Arc<str>, StartRef>>> = LazyLock::new(Mutex::default);

impl StartRef {
    /// What is in a run folder, a checkpoint or a policy's file, which is read anew.
    ///
    /// # Errors
    /// A sentence: what is wrong with it.
    pub fn open(path: &str) -> Result<Self, String> {
        let bytes = read(Path::new(path)).map_err(|error| error.to_string())?;
        let (actor, origin) =
            parse(&bytes).map_err(|reason| unusable(Path::new(path), reason).to_string())?;
        let learnt = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
        let learnt = state_of(&learnt, LEARNT);
        let content = Content { print: CRC.checksum(&bytes), bytes, actor, origin, learnt };
        let start = Self { handle: path.into(), content: Arc::new(content) };
        OPENED.lock().unwrap_or_else(PoisonError::into_inner).insert(start.handle.clone(), start.clone());
        Ok(start)
    }

    /// [`StartRef::open`], or what an earlier call of it found.
    fn find(handle: &str) -> Result<Self, String> {
        let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner).get(handle).cloned();
        opened.map_or_else(|| Self::open(handle), Ok)
    }

    /// What this process finds it by: the path as it was given.
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// What tells it apart, for a plan's file: the CRC-64 (XZ) of the file that the run keeps.
    pub fn hash(&self) -> String {
        format!("{:016x}", self.content.print)
    }

    /// The policy.
    pub fn actor(&self) -> &Actor {
        &self.content.actor
    }

    /// Where it comes from.
    pub fn origin(&self) -> &PolicyOrigin {
        &self.content.origin
    }

    /// What stands in the plan of a run that begins with it: where its folder keeps it.
    pub(crate) fn in_a_plan() -> String {
        format!("{FROM}/{FILE}")
    }

    /// Name and content of the file that a run's folder keeps in [`FROM`].
    pub(crate) fn kept(&self) -> (&'static str, &[u8]) {
        (FILE, &self.content.bytes)
    }

    /// A learner that `make` makes, begun with this policy; with what another of its kind has learnt besides, where that is there
    /// and fits. `sees` tells whether its critic could have been at work where these parameters vary.
    ///
    /// # Errors
    /// Those of `make`; [`RlError::Misfit`].
    pub(crate) fn begin(
        &self,
        make: impl Fn() -> Result<Box<dyn Learner>, RlError>,
        sees: impl Fn(&[VariedParameter]) -> bool,
    ) -> Result<Box<dyn Learner>, RlError> {
        let Content { actor, origin, learnt, .. } = &*self.content;
        let start = Start { actor, observations: origin.steps_in_all() };
        let mut learner = make()?;
        learner.begin_with(&start)?;
        // A critic that saw other parameters knows nothing of these; and what is left over is another kind of learner's.
        let mut learnt = learnt.clone();
        let taken = match sees(&origin.varied) {
            true => learner.take_over(&mut learnt).and_then(|()| learnt.finish()),
            false => Err(learnt.unusable("critic", "it saw other parameters")),
        };
        match taken {
            Ok(()) => Ok(learner),
            Err(_) => {
                // It may have taken over half.
                let mut learner = make()?;
                learner.begin_with(&start)?;
                Ok(learner)
            }
        }
    }
}

/// The content of the file that a run keeps of what is at `path`.
fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    let wrong = |reason: String| RunError::content(path, None, reason);
    if path.is_file() && !is_checkpoint(path) {
        return read_bytes(path);
    }
    let Ok(whole) = path.canonicalize() else { return Err(wrong("no such folder or file".into())) };
    // Of a checkpoint the run is two folders above it.
    let run = match path.is_dir() {
        true => path,
        false => whole.parent().and_then(Path::parent).unwrap_or(path),
    };
    let folder = RunFolder::open(run)?;
    let policy = folder.file(FILE);
    if !policy.exists() {
        return Err(wrong("the run has no policy yet: its training has not come far enough".into()));
    }
    let state = match path.is_dir() {
        true => Checkpoints::of(&folder).newest()?.0.map(|found| found.state),
        false => Some(checkpoint::read(path).map_err(|error| wrong(error.to_string()))?.1),
    };
    let Some(mut state) = state else { return read_bytes(&policy) };
    // The file says what network it is; the weights are those of the checkpoint.
    let (mut actor, mut origin) = read_policy(&policy)?;
    let counts = state.within("course", |state| state.take_any::<u64>("counts"));
    let counts = counts.map_err(|error| wrong(error.to_string()))?;
    // Iterations, policy steps, and more.
    origin.steps = *counts.get(1).ok_or_else(|| wrong("it does not say how far training had come".into()))?;
    let state = state.within("learner", |state| {
        state.restore("actor", &mut actor)?;
        let mut learnt = State::default();
        for (name, array) in state.arrays() {
            if let Some(own) = name.strip_prefix(LEARNT).filter(|own| is_learnt(own)) {
                learnt.put(&format!("{LEARNT}{own}"), array.clone());
            }
        }
        Ok(learnt)
    });
    let state = state.map_err(|error: StateError| wrong(error.to_string()))?;
    policy_bytes(&actor, &origin, arrays(&state)).map_err(wrong)
}

impl PartialEq for StartRef {
    fn eq(&self, other: &Self) -> bool {
        self.content.print == other.content.print
    }
}

impl fmt::Debug for StartRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartRef").field(&self.handle).finish()
    }
}

impl Serialize for StartRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.handle)
    }
}

impl<'de> Deserialize<'de> for StartRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::find(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
