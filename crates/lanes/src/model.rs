//! A model that this engine can move.

use thiserror::Error;

use crate::compiled::{Actuator, CheckError, Compiled, FileError, Integrator};
use crate::contacts::{Candidates, Contacts};
use crate::engine::softness::Limits;
use crate::equality::Ties;
use crate::refusal::Refusal;
use crate::tree::Tree;

/// Why a model was not made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// Its numbers make no sense.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Its file is none.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has something that this engine cannot move.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Sizes of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Number of coordinates (MuJoCo's `nq`).
    pub coordinates: usize,
    /// Number of degrees of freedom (`nv`).
    pub dofs: usize,
    /// Number of controls (`nu`).
    pub controls: usize,
    /// Number of activations (`na`).
    pub activations: usize,
    /// Number of bodies, without the world.
    pub bodies: usize,
    /// Time step (s).
    pub timestep: f64,
}

/// A model that this engine can move: a [`Compiled`] one, and what follows from its structure.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) compiled: Compiled,
    pub(crate) contacts: Contacts,
    pub(crate) tree: Tree,
    pub(crate) candidates: Candidates,
    pub(crate) limits: Limits,
    /// What equality constraints tie together, and whether there are any.
    pub(crate) ties: Ties,
    pub(crate) tied: bool,
    /// Of every link, whether it may touch something that does not move, or is tied to it.
    pub(crate) touchable: Vec<bool>,
    /// Whether it has contacts with cones of friction.
    pub(crate) coned: bool,
    /// Whether it has such cones, or links that are tied to the world.
    pub(crate) pressed: bool,
    /// Whether it was compiled with dry friction.
    pub(crate) lossy: bool,
    /// What every actuator drives.
    pub(crate) drives: Vec<Drive>,
}

impl Model {
    /// Checks a compiled model and finds its tree and its contacts.
    ///
    /// # Errors
    /// [`ModelError::Check`] if its numbers make no sense, [`ModelError::Refused`] with kind and name of the first element
    /// that this engine cannot move.
    pub fn new(compiled: Compiled, contacts: Contacts) -> Result<Self, ModelError> {
        compiled.check()?;
        let mut tree = Tree::new(&compiled);
        refuse(&compiled, &tree)?;
        let candidates = Candidates::find(&compiled, &tree, contacts)?;
        let limits = Limits::new(&compiled, &candidates);
        let lossy = compiled.dofs.iter().any(|dof| dof.friction_loss > 0.0);
        let ties = Ties::new(&compiled, &tree);
        let touchable = (0..tree.links.len()).map(|link| candidates.holds(link) || ties.pins(link)).collect();
        for pin in &ties.pins {
            // Its inertia is never alone, so that the short way does not suit it.
            tree.links[pin.link].hinge = None;
        }
        let coned = candidates.coned();
        let pressed = coned || !ties.pins.is_empty();
        let (drives, tied) = (drives(&compiled, &tree), !ties.is_empty());
        Ok(Self {
            compiled,
            contacts,
            tree,
            candidates,
            limits,
            ties,
            tied,
            touchable,
            coned,
            pressed,
            lossy,
            drives,
        })
    }

    /// [`Model::new`] of what [`Compiled::to_bytes`] wrote.
    ///
    /// # Errors
    /// As [`Compiled::from_bytes`] and [`Model::new`].
    pub fn from_bytes(file: &[u8], contacts: Contacts) -> Result<Self, ModelError> {
        Self::new(Compiled::from_bytes(file)?, contacts)
    }

    /// What it was made of.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Which contacts it has.
    pub fn contacts(&self) -> Contacts {
        self.contacts
    }

    /// How many pairs of geoms pass through each other that would touch in MuJoCo: 0 but for [`Contacts::FloorOnly`].
    pub fn left_out(&self) -> usize {
        self.candidates.left_out
    }

    /// Sizes and the time step.
    pub fn shape(&self) -> Sizes {
        Sizes {
            coordinates: self.tree.nq,
            dofs: self.tree.nv,
            controls: self.compiled.actuators.len(),
            activations: self.compiled.activations.len(),
            bodies: self.compiled.bodies.len(),
            timestep: self.compiled.options.timestep,
        }
    }
}

/// What an actuator drives, and what is said of it in the model.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    /// Where its joint is in `qpos` and `qvel`; of a tendon that of the first of its arms.
    pub(crate) q: usize,
    pub(crate) v: usize,
    /// Whether it pulls a tendon.
    pub(crate) tendon: bool,
    pub(crate) control_range: Option<[f64; 2]>,
    pub(crate) force_range: Option<[f64; 2]>,
    /// Which activation it has.
    pub(crate) activation: Option<usize>,
}

fn drives(compiled: &Compiled, tree: &Tree) -> Vec<Drive> {
    let drive = |(a, actuator): (usize, &Actuator)| {
        let joint = &tree.joints[actuator.joint as usize];
        Drive {
            q: joint.q,
            v: joint.v,
            tendon: !actuator.arms.is_empty(),
            control_range: actuator.control_range,
            force_range: actuator.force_range,
            activation: compiled.activations.iter().position(|of| of.actuator as usize == a),
        }
    };
    compiled.actuators.iter().enumerate().map(drive).collect()
}

/// What the structure says that the engine cannot do.
fn refuse(compiled: &Compiled, tree: &Tree) -> Result<(), Refusal> {
    let option = |what: &str| Err(Refusal::new("option", 0, "", what));
    if tree.links.is_empty() {
        return option("nothing moves");
    }
    let medium = compiled.options.density > 0.0 || compiled.options.viscosity > 0.0;
    if compiled.options.integrator == Integrator::ImplicitFast {
        // What it damps would couple the joints of the tendon.
        if let Some(a) = compiled.actuators.iter().position(|a| !a.arms.is_empty()) {
            let what = "it acts on a tendon, under implicitfast";
            return Err(Refusal::new("actuator", a, &compiled.actuators[a].name, what));
        }
        if medium {
            return option("implicitfast in a medium");
        }
        // MuJoCo integrates a free body without joints by a formula of its own.
        if let Some(link) = tree.links.iter().find(|link| link.free && link.children.is_empty()) {
            let j = link.joints.start;
            let name = &compiled.joints[j].name;
            return Err(Refusal::new("joint", j, name, "a free body without joints, under implicitfast"));
        }
    }
    Ok(())
}
