//! Friction is a property of contacts: who touches whom, and whose friction then counts.

use crate::field::Op;
use crate::inventory::{Geom, Inventory};

/// Whose friction counts in a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// That of the geom asked about, which has the higher priority.
    Own,
    /// That of its partner.
    Partner,
    /// The larger of the two.
    Larger,
    /// That of a `<pair>`.
    Pair(usize),
}

/// A contact that a geom may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) partner: usize,
    pub(crate) law: Law,
    pub(crate) condim: u32,
}

/// Of every body, the first of those that it is welded to: 0 if they do not move.
pub(crate) fn welds(inventory: &Inventory) -> Vec<usize> {
    let mut weld: Vec<usize> = (0..inventory.bodies.len()).collect();
    for (b, body) in inventory.bodies.iter().enumerate().skip(1) {
        if !inventory.joints.iter().any(|joint| joint.body == b) {
            weld[b] = weld[body.parent];
        }
    }
    weld
}

/// The contacts that a geom may have, by MuJoCo's rules.
pub(crate) fn contacts(inventory: &Inventory, g: usize) -> Vec<Contact> {
    let weld = welds(inventory);
    let parent = |w: usize| weld[inventory.bodies[w].parent];
    let own = &inventory.geoms[g];
    let mut found = Vec::new();
    for (h, other) in inventory.geoms.iter().enumerate().filter(|(h, _)| *h != g) {
        let paired = |geoms: &[usize; 2]| *geoms == [g, h] || *geoms == [h, g];
        if let Some(p) = inventory.pairs.iter().position(|pair| paired(&pair.geoms)) {
            found.push(Contact { partner: h, law: Law::Pair(p), condim: inventory.pairs[p].condim });
            continue;
        }
        let bits = own.contype & other.conaffinity != 0 || other.contype & own.conaffinity != 0;
        let (a, b) = (weld[own.body], weld[other.body]);
        let relatives = !inventory.parents_touch && a != 0 && b != 0 && (parent(a) == b || parent(b) == a);
        let bodies = [own.body, other.body];
        let excluded =
            inventory.excludes.iter().any(|pair| *pair == bodies || *pair == [bodies[1], bodies[0]]);
        // What does not move does not touch what does not move.
        if !bits || a == b || relatives || excluded {
            continue;
        }
        let (law, condim) = match own.priority.cmp(&other.priority) {
            std::cmp::Ordering::Greater => (Law::Own, own.condim),
            std::cmp::Ordering::Less => (Law::Partner, other.condim),
            std::cmp::Ordering::Equal => (Law::Larger, own.condim.max(other.condim)),
        };
        found.push(Contact { partner: h, law, condim });
    }
    found
}

/// The dimension of contacts from which on a component of friction acts.
fn least_condim(component: usize) -> u32 {
    [3, 4, 6][component]
}

/// What a parameter is to do to the friction of geoms.
pub(crate) struct Ask<'a> {
    pub(crate) inventory: &'a Inventory,
    /// All geoms that it selects.
    pub(crate) geoms: &'a [usize],
    /// Whether all move together.
    pub(crate) together: bool,
    /// 0 sliding, 1 torsional, 2 rolling.
    pub(crate) component: usize,
    pub(crate) op: Op,
    /// The least value of the parameter.
    pub(crate) low: f64,
}

impl Ask<'_> {
    fn name(&self, g: usize) -> String {
        crate::Element::Geom(g).label(self.inventory)
    }

    fn least(&self, geom: &Geom) -> f64 {
        self.op.value(geom.friction[self.component], self.low)
    }

    /// Refuses a parameter that does nothing, or nothing at its low end, because others' friction counts there.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.geoms.iter().try_for_each(|g| self.check_geom(*g))
    }

    fn check_geom(&self, g: usize) -> Result<(), String> {
        let name = self.name(g);
        let all = contacts(self.inventory, g);
        if all.is_empty() {
            return Err(format!("`{name}` touches nothing, so that its friction counts nowhere"));
        }
        let needed = least_condim(self.component);
        let rough: Vec<&Contact> = all.iter().filter(|contact| contact.condim >= needed).collect();
        if rough.is_empty() {
            return Err(format!(
                "no contact of `{name}` has such friction: it takes condim {needed}, and theirs is at most {}",
                all.iter().map(|contact| contact.condim).max().unwrap_or(0)
            ));
        }
        let least = self.least(&self.inventory.geoms[g]);
        let mut hidden: Option<(f64, usize)> = None;
        for contact in &rough {
            let h = contact.partner;
            let selected = self.geoms.contains(&h);
            let other = &self.inventory.geoms[h];
            let theirs = if selected { self.least(other) } else { other.friction[self.component] };
            match contact.law {
                Law::Own => return Ok(()),
                Law::Partner | Law::Larger if selected && self.together => return Ok(()),
                Law::Larger if least >= theirs => return Ok(()),
                Law::Larger if hidden.is_none_or(|(least, _)| theirs < least) => hidden = Some((theirs, h)),
                _ => {}
            }
        }
        if let Some((theirs, h)) = hidden {
            let partner = self.name(h);
            return Err(format!(
                "below {theirs} the friction of `{name}` does nothing: the larger of two counts, and `{partner}`, which it \
                 touches, has {theirs}. Start the range there, select `{}` too, or give `{name}` a higher `priority` in the model",
                crate::Element::Geom(h).selector(self.inventory)
            ));
        }
        let first = rough[0];
        Err(match first.law {
            Law::Pair(p) => format!(
                "the friction of `{name}` counts nowhere: what it touches is in a `<pair>` with a friction of its own; select \
                 `{}`",
                crate::Element::Pair(p).selector(self.inventory)
            ),
            _ => format!(
                "the friction of `{name}` counts nowhere: `{}`, which it touches, has a higher priority; select `{}` instead",
                self.name(first.partner),
                crate::Element::Geom(first.partner).selector(self.inventory)
            ),
        })
    }
}
