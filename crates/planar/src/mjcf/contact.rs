//! Which shapes may touch, and how, by MuJoCo's rules for pairs of geoms.

use super::MjcfError;
use super::element::Element;
use super::tree::{Shape, Tree, softness};
use crate::parts::{MAX_PAIRS, Softness};

/// What all contacts have in common.
pub(super) struct Contacts {
    pub(super) ground: bool,
    /// Indices of capsules: on the ancestor, on the descendant.
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) softness: Softness,
    pub(super) margin: f64,
    pub(super) density: f64,
    /// Of every shape: the larger coefficient of it and of the ground.
    pub(super) friction: Vec<f64>,
}

/// What a geom says about contacts.
struct Surface {
    kind: [u32; 2],
    condim: u32,
    friction: f64,
    margin: f64,
    softness: Softness,
}

impl Surface {
    fn read(element: &Element<'_>) -> Result<Self, MjcfError> {
        let whole = |name| {
            let number = element.number(name, 1.0)?;
            let fits = (0.0..=f64::from(i32::MAX)).contains(&number) && number.fract() == 0.0;
            if fits {
                Ok(number as u32)
            } else {
                Err(element.refuse(format!("`{name}` has to be a whole number")))
            }
        };
        let condim = if element.text("condim").is_none() { 3 } else { whole("condim")? };
        let [friction, ..] = element.leading("friction", 1, [1.0, 0.005, 0.0001])?;
        let margin = element.number("margin", 0.0)?;
        if friction < 0.0 || margin < 0.0 {
            return Err(element.refuse("`friction` and `margin` must not be negative"));
        }
        Ok(Self {
            kind: [whole("contype")?, whole("conaffinity")?],
            condim,
            friction,
            margin,
            softness: softness(element, "solref", "solimp")?,
        })
    }

    fn meets(&self, other: &Self) -> bool {
        self.kind[0] & other.kind[1] != 0 || other.kind[0] & self.kind[1] != 0
    }
}

/// Whether `ancestor` carries `body`, directly or not.
fn carries(tree: &Tree<'_>, ancestor: usize, mut body: usize) -> bool {
    while body != 0 {
        body = tree.bodies[body].parent;
        if body == ancestor {
            return true;
        }
    }
    false
}

/// Finds what may touch.
pub(super) fn find(tree: &Tree<'_>) -> Result<Contacts, MjcfError> {
    let surfaces =
        tree.shapes.iter().map(|shape| Surface::read(&shape.element)).collect::<Result<Vec<_>, _>>()?;
    let mut friction: Vec<f64> = surfaces.iter().map(|surface| surface.friction).collect();
    let mut grounds = vec![0; surfaces.len()];
    let mut pairs = Vec::new();
    let mut common: Option<(Softness, f64)> = None;
    // Capsules are counted without those of the world.
    let capsule = |i: usize| tree.shapes[..i].iter().filter(|shape| shape.body.is_some()).count();
    for j in 0..surfaces.len() {
        for i in 0..j {
            let (one, other): (&Shape<'_>, &Shape<'_>) = (&tree.shapes[i], &tree.shapes[j]);
            let (a, b) = (&surfaces[i], &surfaces[j]);
            if !a.meets(b) || one.body == other.body {
                continue;
            }
            let condim = a.condim.max(b.condim);
            match (one.body, other.body) {
                (Some(x), Some(y)) => {
                    if tree.bodies[y].parent == x || tree.bodies[x].parent == y {
                        continue;
                    }
                    if !carries(tree, x, y) {
                        let names = (one.element.name(), other.element.name());
                        return Err(other.element.refuse(format!(
                            "may touch `{}`, of another branch (see `contype`, `conaffinity`)",
                            names.0
                        )));
                    }
                    if condim != 1 {
                        return Err(other.element.refuse("capsules touch each other with `condim` 1 only"));
                    }
                    pairs.push((capsule(i), capsule(j)));
                }
                (world, _) => {
                    let (ground, moving) = if world.is_none() { (i, j) } else { (j, i) };
                    if tree.shapes[ground].capsule.is_some() {
                        return Err(tree.shapes[ground]
                            .element
                            .refuse("only a plane of the world may be touched"));
                    }
                    if condim != 3 {
                        return Err(tree.shapes[moving]
                            .element
                            .refuse("touches the ground with `condim` 3 only"));
                    }
                    grounds[moving] += 1;
                    friction[moving] = surfaces[ground].friction.max(surfaces[moving].friction);
                }
            }
            // The mean of both, which is each of them.
            let margin = a.margin + b.margin;
            if a.softness != b.softness || common.is_some_and(|(s, m)| s != a.softness || m != margin) {
                return Err(other
                    .element
                    .refuse("`margin`, `solref` and `solimp` have to be those of all contacts"));
            }
            common = Some((a.softness, margin));
        }
    }
    if pairs.len() > MAX_PAIRS {
        let shape = &tree.shapes[surfaces.len() - 1];
        return Err(shape.element.refuse(format!("more than {MAX_PAIRS} pairs of capsules may touch")));
    }
    // In MuJoCo's order, which is that of the first capsule.
    pairs.sort_unstable();

    let moving = || tree.shapes.iter().enumerate().filter(|(_, shape)| shape.body.is_some());
    let ground = moving().any(|(i, _)| grounds[i] > 0);
    let mut density = None;
    for (i, shape) in moving() {
        if grounds[i] != usize::from(ground) {
            return Err(shape.element.refuse("either all capsules touch one ground, or none does"));
        }
        let own = shape.element.number("density", 1000.0)?;
        if !(own > 0.0 && density.is_none_or(|density| density == own)) {
            return Err(shape.element.refuse("`density` has to be positive, and the same for all capsules"));
        }
        density = Some(own);
    }
    let (softness, margin) = common.unwrap_or((Softness::DEFAULT, 0.0));
    Ok(Contacts { ground, pairs, softness, margin, density: density.unwrap_or(1000.0), friction })
}
