//! What a model consists of, one by one.

use std::fmt;

use crate::inventory::Inventory;

/// The kind of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElementKind {
    /// A body.
    Body,
    /// A joint.
    Joint,
    /// A shape of a body.
    Geom,
    /// A place on a body.
    Site,
    /// A sensor.
    Sensor,
    /// Two geoms with a contact of their own (`<pair>`).
    Pair,
    /// An actuator.
    Actuator,
    /// A tendon.
    Tendon,
    /// An equality constraint.
    Equality,
    /// A term of a task's observation.
    Observe,
    /// What holds for the model as a whole.
    Option,
}

impl ElementKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Body,
        Self::Joint,
        Self::Geom,
        Self::Site,
        Self::Sensor,
        Self::Pair,
        Self::Actuator,
        Self::Tendon,
        Self::Equality,
        Self::Observe,
        Self::Option,
    ];

    /// Its name in selectors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Joint => "joint",
            Self::Geom => "geom",
            Self::Site => "site",
            Self::Sensor => "sensor",
            Self::Pair => "pair",
            Self::Actuator => "actuator",
            Self::Tendon => "tendon",
            Self::Equality => "equality",
            Self::Observe => "observe",
            Self::Option => "option",
        }
    }

    /// Its name for several.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Body => "bodies",
            Self::Joint => "joints",
            Self::Geom => "geoms",
            Self::Site => "sites",
            Self::Sensor => "sensors",
            Self::Pair => "pairs",
            Self::Actuator => "actuators",
            Self::Tendon => "tendons",
            Self::Equality => "equalities",
            Self::Observe => "terms of the observation",
            Self::Option => "options",
        }
    }

    /// The element of this kind with an index in the [`Inventory`].
    pub fn element(self, index: usize) -> Element {
        match self {
            Self::Body => Element::Body(index),
            Self::Joint => Element::Joint(index),
            Self::Geom => Element::Geom(index),
            Self::Site => Element::Site(index),
            Self::Sensor => Element::Sensor(index),
            Self::Pair => Element::Pair(index),
            Self::Actuator => Element::Actuator(index),
            Self::Tendon => Element::Tendon(index),
            Self::Equality => Element::Equality(index),
            Self::Observe => Element::Observe(index),
            Self::Option => Element::Option,
        }
    }

    /// How many of it a model has.
    pub fn count(self, inventory: &Inventory) -> usize {
        match self {
            Self::Body => inventory.bodies.len(),
            Self::Joint => inventory.joints.len(),
            Self::Geom => inventory.geoms.len(),
            Self::Site => inventory.sites.len(),
            Self::Sensor => inventory.sensors.len(),
            Self::Pair => inventory.pairs.len(),
            Self::Actuator => inventory.actuators.len(),
            Self::Tendon => inventory.tendons.len(),
            Self::Equality => inventory.equalities.len(),
            Self::Observe => inventory.observed.len(),
            Self::Option => 1,
        }
    }

    /// Names of all of it, in order; empty where the model gives none.
    pub fn names(self, inventory: &Inventory) -> Vec<&str> {
        fn of<T>(list: &[T], name: impl Fn(&T) -> &String) -> Vec<&str> {
            list.iter().map(|element| name(element).as_str()).collect()
        }
        match self {
            Self::Body => of(&inventory.bodies, |body| &body.name),
            Self::Joint => of(&inventory.joints, |joint| &joint.name),
            Self::Geom => of(&inventory.geoms, |geom| &geom.name),
            Self::Site => of(&inventory.sites, |site| &site.name),
            Self::Sensor => of(&inventory.sensors, |sensor| &sensor.name),
            Self::Pair => of(&inventory.pairs, |pair| &pair.name),
            Self::Actuator => of(&inventory.actuators, |actuator| &actuator.name),
            Self::Tendon => of(&inventory.tendons, |name| name),
            Self::Equality => of(&inventory.equalities, |name| name),
            Self::Observe => of(&inventory.observed, |term| &term.name),
            Self::Option => vec!["option"],
        }
    }
}

impl fmt::Display for ElementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An element of a model: its kind, and its index in the list of that kind in the [`Inventory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// A body; 0 is the world.
    Body(usize),
    /// A joint.
    Joint(usize),
    /// A geom.
    Geom(usize),
    /// A site.
    Site(usize),
    /// A sensor.
    Sensor(usize),
    /// A pair.
    Pair(usize),
    /// An actuator.
    Actuator(usize),
    /// A tendon.
    Tendon(usize),
    /// An equality constraint.
    Equality(usize),
    /// A term of a task's observation.
    Observe(usize),
    /// The model as a whole: gravity, the medium.
    Option,
}

impl Element {
    /// Its kind.
    pub fn kind(self) -> ElementKind {
        match self {
            Self::Body(_) => ElementKind::Body,
            Self::Joint(_) => ElementKind::Joint,
            Self::Geom(_) => ElementKind::Geom,
            Self::Site(_) => ElementKind::Site,
            Self::Sensor(_) => ElementKind::Sensor,
            Self::Pair(_) => ElementKind::Pair,
            Self::Actuator(_) => ElementKind::Actuator,
            Self::Tendon(_) => ElementKind::Tendon,
            Self::Equality(_) => ElementKind::Equality,
            Self::Observe(_) => ElementKind::Observe,
            Self::Option => ElementKind::Option,
        }
    }

    /// Its index in the list of its kind; 0 of the model as a whole.
    pub fn index(self) -> usize {
        match self {
            Self::Body(i) | Self::Joint(i) | Self::Geom(i) | Self::Site(i) | Self::Sensor(i) => i,
            Self::Pair(i) | Self::Actuator(i) | Self::Tendon(i) | Self::Equality(i) | Self::Observe(i) => i,
            Self::Option => 0,
        }
    }

    /// Its name in the model; empty if it has none.
    ///
    /// # Panics
    /// If the model has no such element.
    pub fn name(self, inventory: &Inventory) -> &str {
        match self {
            Self::Body(i) => &inventory.bodies[i].name,
            Self::Joint(i) => &inventory.joints[i].name,
            Self::Geom(i) => &inventory.geoms[i].name,
            Self::Site(i) => &inventory.sites[i].name,
            Self::Sensor(i) => &inventory.sensors[i].name,
            Self::Pair(i) => &inventory.pairs[i].name,
            Self::Actuator(i) => &inventory.actuators[i].name,
            Self::Tendon(i) => &inventory.tendons[i],
            Self::Equality(i) => &inventory.equalities[i],
            Self::Observe(i) => &inventory.observed[i].name,
            Self::Option => "option",
        }
    }

    /// A name for people and tables: its own, or one after its owner (`torso[2]`, the third of its kind there), or its kind
    /// and number.
    ///
    /// # Panics
    /// If the model has no such element.
    pub fn label(self, inventory: &Inventory) -> String {
        let own = self.name(inventory);
        if !own.is_empty() {
            return own.to_owned();
        }
        match self.owner(inventory) {
            Some((owner, n)) if !owner.name(inventory).is_empty() => {
                let alone = self.siblings(inventory, owner).len() == 1;
                let owner = owner.name(inventory);
                if alone { owner.to_owned() } else { format!("{owner}[{n}]") }
            }
            _ => format!("{}[{}]", self.kind(), self.index()),
        }
    }

    /// A selector that matches it alone.
    ///
    /// # Panics
    /// If the model has no such element.
    pub fn selector(self, inventory: &Inventory) -> String {
        let own = self.name(inventory);
        let kind = self.kind();
        if self == Self::Option {
            return "option".to_owned();
        }
        if !own.is_empty() && !own.contains(['*', '?']) {
            return format!("{kind}:{own}");
        }
        let plain = |name: &str| !name.is_empty() && !name.contains(['*', '?', '[', ']', ':']);
        match self.owner(inventory) {
            Some((owner, n)) if plain(owner.name(inventory)) => {
                let prefix = if owner.kind() == ElementKind::Body { "" } else { "joint:" };
                format!("{kind}@{prefix}{}[{n}]", owner.name(inventory))
            }
            _ => format!("{kind}[{}]", self.index()),
        }
    }

    /// What it belongs to, and its place among those of its kind there: the body of a joint, geom or site, the joint of an
    /// actuator.
    fn owner(self, inventory: &Inventory) -> Option<(Self, usize)> {
        let owner = match self {
            Self::Joint(i) => Self::Body(inventory.joints[i].body),
            Self::Geom(i) => Self::Body(inventory.geoms[i].body),
            Self::Site(i) => Self::Body(inventory.sites[i].body),
            Self::Actuator(i) => Self::Joint(inventory.actuators[i].joint?),
            _ => return None,
        };
        let n = self.siblings(inventory, owner).iter().position(|element| *element == self)?;
        Some((owner, n))
    }

    fn siblings(self, inventory: &Inventory, owner: Self) -> Vec<Self> {
        self.kind().owned_by(inventory, owner)
    }
}

impl ElementKind {
    /// The elements of this kind that belong to `owner`, in order: joints, geoms and sites of a body, actuators of a joint or
    /// of a body's joints, pairs of a geom or of a body's geoms.
    pub fn owned_by(self, inventory: &Inventory, owner: Element) -> Vec<Element> {
        let geom_is = |geom: usize| match owner {
            Element::Geom(own) => geom == own,
            Element::Body(body) => inventory.geoms.get(geom).is_some_and(|geom| geom.body == body),
            _ => false,
        };
        let joint_is = |joint: usize| match owner {
            Element::Joint(own) => joint == own,
            Element::Body(body) => inventory.joints.get(joint).is_some_and(|joint| joint.body == body),
            _ => false,
        };
        let is = |index: usize| match self {
            Self::Joint => joint_is(index),
            Self::Geom => geom_is(index),
            Self::Site => owner == Element::Body(inventory.sites[index].body),
            Self::Actuator => inventory.actuators[index].joint.is_some_and(joint_is),
            Self::Pair => inventory.pairs[index].geoms.iter().any(|geom| geom_is(*geom)),
            _ => false,
        };
        (0..self.count(inventory)).filter(|i| is(*i)).map(|i| self.element(i)).collect()
    }
}
