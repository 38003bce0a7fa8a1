//! A model in which nothing touches but the floor.

use super::{RobotError, RobotModel};
use crate::friction::{contacts, welds};
use crate::inventory::Inventory;

/// `contype` and `conaffinity`.
type Bits = (u32, u32);

const NOTHING: Bits = (0, 0);
const ON_THE_FLOOR: Bits = (1, 0);
const THE_FLOOR: Bits = (0, 1);

impl RobotModel {
    /// The same robot, of whose contacts those of moving geoms with planes of the world are left: all others pass through each
    /// other, on either engine. The batched engine then moves models whose boxes, cylinders and meshes may touch each other. It
    /// is another model, with another hash, unless nothing else touched anyway.
    ///
    /// # Errors
    /// [`RobotError::Inert`] if a `<pair>` is of anything else, or if of two planes a geom touches only one;
    /// [`RobotError::NotBuilt`] in a build without MuJoCo, unless the robot is so already.
    pub fn floor_contacts(self) -> Result<Self, RobotError> {
        let bits =
            floor(&self.inventory).map_err(|reason| RobotError::Inert { name: self.name.clone(), reason })?;
        let now = self.inventory.geoms.iter().map(|geom| (geom.contype, geom.conaffinity));
        if now.eq(bits.iter().copied()) {
            return Ok(self);
        }
        #[cfg(feature = "mujoco")]
        return super::mujoco::with_contact_bits(&self, &bits);
        #[cfg(not(feature = "mujoco"))]
        return Err(RobotError::NotBuilt { path: self.name });
    }
}

/// What every geom's `contype` and `conaffinity` have to be.
fn floor(inventory: &Inventory) -> Result<Vec<Bits>, String> {
    let weld = welds(inventory);
    let geoms = &inventory.geoms;
    let moves = |g: usize| weld[geoms[g].body] != 0;
    let ground = |g: usize| geoms[g].shape == "plane" && !moves(g);
    for pair in &inventory.pairs {
        let [a, b] = pair.geoms;
        if !(moves(a) && ground(b) || ground(a) && moves(b)) {
            return Err(format!(
                "`contacts = \"floor\"` leaves contacts with the floor alone, and the `<pair>` of {} and {} is another: take it \
                 out of the model",
                say(inventory, a),
                say(inventory, b)
            ));
        }
    }
    let mut bits = vec![NOTHING; geoms.len()];
    for g in (0..geoms.len()).filter(|g| moves(*g)) {
        for plane in contacts(inventory, g).iter().map(|contact| contact.partner).filter(|g| ground(*g)) {
            if !inventory.pairs.iter().any(|pair| pair.geoms == [g, plane] || pair.geoms == [plane, g]) {
                (bits[g], bits[plane]) = (ON_THE_FLOOR, THE_FLOOR);
            }
        }
    }
    for (g, plane) in (0..geoms.len()).flat_map(|g| (0..geoms.len()).map(move |plane| (g, plane))) {
        let (one, other) = (&geoms[g], &geoms[plane]);
        let touched = one.contype & other.conaffinity != 0 || other.contype & one.conaffinity != 0;
        if bits[g] == ON_THE_FLOOR && bits[plane] == THE_FLOOR && !touched {
            return Err(format!(
                "{} touches one plane and not {}, which `contacts = \"floor\"` does not tell apart",
                say(inventory, g),
                say(inventory, plane)
            ));
        }
    }
    Ok(bits)
}

fn say(inventory: &Inventory, g: usize) -> String {
    let name = &inventory.geoms[g].name;
    if name.is_empty() { format!("geom {g}") } else { format!("geom `{name}`") }
}
