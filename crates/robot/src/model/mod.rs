//! A robot: what MuJoCo's compiler made of a file, and what can move it.

mod file;
mod floor;
#[cfg(feature = "mujoco")]
mod looks;
#[cfg(feature = "mujoco")]
mod mujoco;
#[cfg(feature = "mujoco")]
mod sensors;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use wr2l_lanes::{Compiled, Contacts, Model};

use crate::inventory::Inventory;

/// Largest kept robot that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// Why there is no robot.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RobotError {
    /// The model file was refused, in the words of who refused it.
    #[error("{path}: {reason}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model is sound, and nothing can be learnt on it.
    #[error("model `{name}`: {reason}")]
    Inert {
        /// The model.
        name: String,
        /// What it lacks.
        reason: String,
    },
    /// This build has no compiler of models.
    #[error(
        "{path}: this build has no MuJoCo to read models with: run through `cargo xtask run`, which sets it up and builds \
         with `--features mujoco`"
    )]
    NotBuilt {
        /// The file.
        path: String,
    },
    /// A kept robot is none.
    #[error("a kept robot is damaged: {0}")]
    Kept(String),
}

/// A robot: what it consists of, and the models of the engines that can move it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RobotModel {
    name: String,
    inventory: Arc<Inventory>,
    hash: String,
    /// The model of the batched engine, or why it has none.
    lanes: Result<Arc<Model>, String>,
    /// MuJoCo's own binary of the compiled model.
    binary: Arc<[u8]>,
    #[cfg(feature = "mujoco")]
    mujoco: Arc<mujoco_rs::prelude::MjModel>,
}

impl RobotModel {
    /// Reads a model with MuJoCo's compiler: MJCF (includes, defaults, meshes and all), URDF, or MuJoCo's binary (`.mjb`).
    ///
    /// # Errors
    /// [`RobotError::Model`] with what MuJoCo says of it; [`RobotError::NotBuilt`] in a build without MuJoCo.
    pub fn load(path: &Path) -> Result<Self, RobotError> {
        #[cfg(feature = "mujoco")]
        return mujoco::load(path);
        #[cfg(not(feature = "mujoco"))]
        return Err(RobotError::NotBuilt { path: path.display().to_string() });
    }

    /// Reads a model, or one that [`RobotModel::to_bytes`] kept, which ends in `.robot` and needs no MuJoCo.
    ///
    /// # Errors
    /// As [`RobotModel::load`] and [`RobotModel::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, RobotError> {
        if path.extension().is_none_or(|extension| extension != "robot") {
            return Self::load(path);
        }
        let refuse = |reason: String| RobotError::Model { path: path.display().to_string(), reason };
        let meta = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(refuse("it is no regular file of reasonable size".into()));
        }
        let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        Self::from_bytes(&bytes).map_err(|error| refuse(error.to_string()))
    }

    /// Reads a model from the text of an MJCF that includes no other file.
    ///
    /// # Errors
    /// As [`RobotModel::load`]; `name` stands for the path.
    pub fn from_text(name: &str, text: &str) -> Result<Self, RobotError> {
        #[cfg(feature = "mujoco")]
        return mujoco::read(name, text);
        #[cfg(not(feature = "mujoco"))]
        {
            let _ = text;
            Err(RobotError::NotBuilt { path: name.to_owned() })
        }
    }

    /// The name: that of its file, without folder and ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it consists of.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// 32 hexadecimal digits that tell models apart: a hash (FNV-1a, 128 bits) of all that MuJoCo's compiler made of the
    /// file, its includes and its meshes. Two files that compile to the same model have the same.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The model of the batched engine.
    ///
    /// # Errors
    /// The sentence that says what of it the engine cannot move.
    pub fn lanes(&self) -> Result<&Arc<Model>, &str> {
        self.lanes.as_ref().map_err(String::as_str)
    }

    #[cfg(feature = "mujoco")]
    pub(crate) fn mujoco(&self) -> &Arc<mujoco_rs::prelude::MjModel> {
        &self.mujoco
    }

    /// Refuses a model on which nothing can be learnt.
    ///
    /// # Errors
    /// [`RobotError::Inert`] if nothing moves or nothing acts, or an actuator has more than one control.
    pub fn check(&self) -> Result<(), RobotError> {
        let inert =
            |reason: &str| Err(RobotError::Inert { name: self.name.clone(), reason: reason.to_owned() });
        if self.inventory.velocities == 0 {
            return inert("nothing moves: none of its bodies has a joint");
        }
        if self.inventory.actuators.is_empty() {
            return inert(
                "nothing acts: it has no actuators; add an `<actuator>` section, as in a scene that includes it",
            );
        }
        Ok(())
    }
}

/// What the batched engine makes of a compiled model.
fn lanes(compiled: Result<Compiled, String>) -> Result<Arc<Model>, String> {
    Model::new(compiled?, Contacts::All).map(Arc::new).map_err(|error| error.to_string())
}

/// FNV-1a (Fowler, Noll, Vo; 128 bits), in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}
