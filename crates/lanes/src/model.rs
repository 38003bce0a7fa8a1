//! A model that this engine can move.

use thiserror::Error;

use crate::compiled::{CheckError, Compiled, FileError, Integrator};
use crate::contacts::{Candidates, Contacts};
use crate::engine::softness::Limits;
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
    /// Of every link, whether it may touch something that does not move.
    pub(crate) touchable: Vec<bool>,
    /// Whether it has contacts with cones of friction.
    pub(crate) coned: bool,
    /// Whether it was compiled with dry friction.
    pub(crate) lossy: bool,
    /// Of every actuator, which activation it has.
    pub(crate) activation: Vec<Option<usize>>,
}

impl Model {
    /// Checks a compiled model and finds its tree and its contacts.
    ///
    /// # Errors
    /// [`ModelError::Check`] if its numbers make no sense, [`ModelError::Refused`] with kind and name of the first element
    /// that this engine cannot move.
    pub fn new(compiled: Compiled, contacts: Contacts) -> Result<Self, ModelError> {
        compiled.check()?;
        let tree = Tree::new(&compiled);
        refuse(&compiled, &tree)?;
        let candidates = Candidates::find(&compiled, &tree, contacts)?;
        let limits = Limits::new(&compiled, &candidates);
        let lossy = compiled.dofs.iter().any(|dof| dof.friction_loss > 0.0);
        let touchable = (0..tree.links.len()).map(|link| candidates.holds(link)).collect();
        let coned = candidates.coned();
        let mut activation = vec![None; compiled.actuators.len()];
        for (i, of) in compiled.activations.iter().enumerate() {
            activation[of.actuator as usize] = Some(i);
        }
        Ok(Self { compiled, contacts, tree, candidates, limits, touchable, coned, lossy, activation })
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
