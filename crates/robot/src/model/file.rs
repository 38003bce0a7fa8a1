//! The file of a robot, for run folders and for machines without MuJoCo.
//!
//! Eight bytes that name the format, then four parts, each with its length in eight bytes (little-endian): name, inventory
//! (TOML), the batched engine's compiled model or why there is none, MuJoCo's binary; at the end the hash of all before. The
//! hash tells a damaged file; it does not tell a forged one, so that all but MuJoCo's binary is checked as if anybody had
//! written it, and the binary is to come from where programs come from.

use std::sync::Arc;

use wr2l_lanes::Compiled;

use super::{RobotError, RobotModel, hash, lanes};
use crate::inventory::{Inventory, Sensed};

const FORMAT: [u8; 8] = *b"wr2lrob1";
/// What stands before a model, and before the reason that there is none.
const MODEL: u8 = b'+';
const REFUSED: u8 = b'-';
/// Numbers that all sensors together may give.
const MOST_NUMBERS: usize = 10_000_000;
/// Hexadecimal digits of the hash.
const DIGITS: usize = 32;

impl RobotModel {
    /// A file from which [`RobotModel::from_bytes`] makes the robot again, without MuJoCo too if the batched engine can move
    /// it. It holds MuJoCo's binary of the model: as large as the meshes are.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Everything in an inventory is numbers, texts and lists: nothing that TOML cannot say.
        let inventory = toml::to_string(&*self.inventory).unwrap_or_default();
        let model = match &self.lanes {
            Ok(model) => [vec![MODEL], model.compiled().to_bytes().unwrap_or_default()].concat(),
            Err(reason) => [vec![REFUSED], reason.clone().into_bytes()].concat(),
        };
        let mut file = FORMAT.to_vec();
        for part in [self.name.as_bytes(), inventory.as_bytes(), &model, &self.binary] {
            file.extend((part.len() as u64).to_le_bytes());
            file.extend(part);
        }
        let digits = hash(&file);
        file.extend(digits.bytes());
        file
    }

    /// The robot of a file that [`RobotModel::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RobotError::Kept`], if it is none.
    pub fn from_bytes(file: &[u8]) -> Result<Self, RobotError> {
        let damaged = |what: &str| RobotError::Kept(what.to_owned());
        let sealed = file.len().saturating_sub(DIGITS);
        let (all, digits) = file.split_at(sealed);
        let mut rest = all.strip_prefix(&FORMAT).ok_or_else(|| damaged("it does not begin as one does"))?;
        if hash(all).as_bytes() != digits {
            return Err(damaged("its hash is another"));
        }
        let mut part = || {
            let (length, after) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("it is too short"))?;
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (part, after) = after.split_at_checked(length).ok_or_else(|| damaged("it is too short"))?;
            rest = after;
            Ok::<&[u8], RobotError>(part)
        };
        let (name, inventory, model, binary) = (part()?, part()?, part()?, part()?);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a text is none"));
        let name = text(name)?;
        let inventory: Inventory = toml::from_str(&text(inventory)?)
            .map_err(|error| RobotError::Kept(error.message().to_owned()))?;
        check(&inventory).map_err(damaged)?;
        let lanes = match model.split_first() {
            Some((&MODEL, model)) => {
                let compiled =
                    Compiled::from_bytes(model).map_err(|error| RobotError::Kept(error.to_string()))?;
                fits(&inventory, &compiled).map_err(damaged)?;
                lanes(Ok(compiled))
            }
            Some((&REFUSED, reason)) => Err(text(reason)?),
            _ => return Err(damaged("it says nothing of its model")),
        };
        Ok(Self {
            name,
            inventory: Arc::new(inventory),
            hash: hash(binary),
            lanes,
            binary: Arc::from(binary),
            #[cfg(feature = "mujoco")]
            mujoco: super::mujoco::from_binary(binary)?,
        })
    }
}

/// Whether all indices of an inventory lead somewhere.
fn check(inventory: &Inventory) -> Result<(), &'static str> {
    let (bodies, geoms, joints) = (inventory.bodies.len(), inventory.geoms.len(), inventory.joints.len());
    let body = |body: usize| body < bodies;
    let geom = |pair: &[usize; 2]| pair.iter().all(|geom| *geom < geoms);
    let parents = inventory.bodies.iter().enumerate().all(|(b, body)| body.parent < b.max(1));
    let owners = inventory.joints.iter().all(|joint| body(joint.body))
        && inventory.geoms.iter().all(|geom| body(geom.body))
        && inventory.sites.iter().all(|site| body(site.body))
        && inventory.pairs.iter().all(|pair| geom(&pair.geoms))
        && inventory.actuators.iter().all(|actuator| actuator.joint.is_none_or(|joint| joint < joints));
    let (nq, nv, nu) = (inventory.reference.len(), inventory.velocities, inventory.actuators.len());
    let addresses = inventory.joints.iter().all(|joint| joint.position < nq && joint.velocity < nv);
    let keys = inventory
        .keyframes
        .iter()
        .all(|key| (key.positions.len(), key.velocities.len(), key.controls.len()) == (nq, nv, nu));
    let measured = inventory.sensors.iter().try_fold(0_usize, |next, sensor| {
        let end = next.checked_add(sensor.dimension).filter(|end| *end <= MOST_NUMBERS);
        end.filter(|_| sensor.address == next)
    });
    let sensed = inventory.sensors.iter().flat_map(|sensor| sensor.of.iter().chain(&sensor.from));
    let sensed = sensed.into_iter().all(|of| match of {
        Sensed::Frame(b) | Sensed::Body(b) => body(*b),
        Sensed::Geom(g) => *g < geoms,
        Sensed::Site(s) => *s < inventory.sites.len(),
        Sensed::Joint(j) => *j < joints,
        Sensed::Actuator(a) => *a < nu,
        Sensed::Tendon { joints: of, coefficients, actuators } => {
            of.iter().all(|j| *j < joints)
                && actuators.iter().all(|a| *a < nu)
                && of.len() == coefficients.len()
        }
    });
    let finite = inventory.timestep.is_finite() && inventory.timestep > 0.0;
    let sound =
        bodies > 0 && parents && owners && addresses && keys && measured.is_some() && sensed && finite;
    if sound { Ok(()) } else { Err("its inventory makes no sense") }
}

/// Whether an inventory and a compiled model can be of one robot.
fn fits(inventory: &Inventory, compiled: &Compiled) -> Result<(), &'static str> {
    let colliding = inventory.geoms.iter().filter(|geom| geom.collides).count();
    let same = inventory.bodies.len() == compiled.bodies.len() + 1
        && inventory.joints.len() == compiled.joints.len()
        && colliding == compiled.geoms.len()
        && inventory.pairs.len() == compiled.pairs.len()
        && (inventory.reference.len(), inventory.velocities) == (compiled.nq(), compiled.nv())
        && inventory.actuators.len() == compiled.nu();
    if same { Ok(()) } else { Err("its inventory is of another model") }
}
