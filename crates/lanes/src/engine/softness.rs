//! MuJoCo's soft constraints: impedance, stiffness and damping at a depth.

use crate::compiled::{Compiled, Options, Softness};
use crate::contacts::Candidates;
use crate::lane::Lane;

/// A [`Softness`], prepared: what of it does not change from step to step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Soft {
    /// Impedance at the surface, and how much it grows inside.
    surface: f64,
    growth: f64,
    per_width: f64,
    midpoint: f64,
    power: f64,
    flat: bool,
    pub(crate) stiffness: f64,
    pub(crate) damping: f64,
}

impl Soft {
    pub(crate) fn new(softness: &Softness, options: &Options) -> Self {
        const LEAST: f64 = 1e-15;
        let impedance = |x: f64| x.clamp(1e-4, 0.9999);
        let [surface, full, width, midpoint, power] = softness.solimp;
        let (surface, full) = (impedance(surface), impedance(full));
        let flat = surface == full || width <= LEAST;
        let [mut time, ratio] = softness.solref;
        let (stiffness, damping) = if time > 0.0 {
            if options.safe_reference {
                time = time.max(2.0 * options.timestep);
            }
            (1.0 / (full * full * time * time * ratio * ratio).max(LEAST), 2.0 / (full * time).max(LEAST))
        } else {
            (-time / (full * full), -ratio / full)
        };
        Self {
            surface: if flat { 0.5 * (surface + full) } else { surface },
            growth: full - surface,
            per_width: 1.0 / width.max(LEAST),
            midpoint: impedance(midpoint),
            power: power.max(1.0),
            flat,
            stiffness,
            damping,
        }
    }

    /// The impedance at a distance from where the constraint begins to act, negative inside.
    #[inline(always)]
    pub(crate) fn impedance<F: Lane>(&self, distance: F) -> F {
        if self.flat {
            return F::splat(self.surface);
        }
        let one = F::one();
        let x = (distance.abs() * F::splat(self.per_width)).min(one);
        let y = if self.power == 1.0 {
            x
        } else if self.power == 2.0 {
            let rest = one - x;
            let far = (rest * rest).neg_mul_add(F::splat(1.0 / (1.0 - self.midpoint)), one);
            F::select(F::splat(self.midpoint).less(x), far, x * x * F::splat(1.0 / self.midpoint))
        } else {
            let mut y = x;
            for lane in 0..F::WIDTH {
                y.set(lane, self.between(x.get(lane)));
            }
            y
        };
        y.mul_add(F::splat(self.growth), F::splat(self.surface))
    }

    /// The way from surface to full impedance, 0 to 1, for any power.
    fn between(&self, x: f64) -> f64 {
        let (mid, p) = (self.midpoint, self.power);
        if x <= mid {
            x.powf(p) / mid.powf(p - 1.0)
        } else {
            1.0 - (1.0 - x).powf(p) / (1.0 - mid).powf(p - 1.0)
        }
    }

    /// Weight D and reference acceleration of a row. `weakness` is what D is 1 over at an impedance of a half.
    #[inline(always)]
    pub(crate) fn weight<F: Lane>(&self, impedance: F, weakness: F) -> F {
        impedance / ((F::one() - impedance) * weakness)
    }
}

/// [`Soft`] of everything that a model has, and how many constraints it can have at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) joints: Vec<Soft>,
    pub(crate) dofs: Vec<Soft>,
    pub(crate) planes: Vec<Soft>,
    pub(crate) solids: Vec<Soft>,
    pub(crate) meetings: Vec<Soft>,
    /// The most touches with the world that there can be.
    touches: usize,
    /// The most cones between two moving links.
    cones: usize,
    /// The most rows between two moving links.
    between: usize,
    /// Whether touches with the world may have cones.
    coned: bool,
}

/// For how many constraints there is room from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) rows: usize,
    /// Touches with the world.
    pub(crate) touches: usize,
    pub(crate) cones: usize,
    /// Rows between two moving links; more make room when they come.
    pub(crate) between: usize,
}

impl Limits {
    /// Rows between moving links for which there is room from the start, for every lane that is computed at a time: what
    /// touches in one of them has its rows in all. More are seldom there at once.
    const ROOM: usize = 8;
    /// The least.
    const LEAST_ROOM: usize = 32;

    pub(crate) fn new(compiled: &Compiled, candidates: &Candidates) -> Self {
        let soft = |softness: &Softness| Soft::new(softness, &compiled.options);
        // The corners of a box, of which each lane takes four.
        let (mut touches, mut between) = (2 * candidates.planes.len() + 8 * candidates.solids.len(), 0);
        let mut cones = 0;
        for meeting in &candidates.meetings {
            let points = candidates.points(meeting);
            if meeting.sides.iter().all(|side| candidates.rounds[*side].link.is_some()) {
                between += if meeting.law.frictionless { points } else { 4 * points };
                cones += if meeting.law.cone.is_some() { points } else { 0 };
            } else {
                touches += points;
            }
        }
        Self {
            joints: compiled.joints.iter().map(|joint| soft(&joint.softness)).collect(),
            dofs: compiled.dofs.iter().map(|dof| soft(&dof.softness)).collect(),
            planes: candidates.planes.iter().map(|plane| soft(&plane.law.softness)).collect(),
            solids: candidates.solids.iter().map(|solid| soft(&solid.law.softness)).collect(),
            meetings: candidates.meetings.iter().map(|meeting| soft(&meeting.law.softness)).collect(),
            touches,
            cones,
            between,
            coned: candidates.coned(),
        }
    }

    /// Room where so many lanes are computed at a time.
    pub(crate) fn room(&self, width: usize) -> Room {
        let most = Self::LEAST_ROOM.max(Self::ROOM * width);
        let between = self.between.min(most);
        Room {
            rows: 2 * self.joints.len() + 4 * self.touches + between,
            touches: self.touches,
            cones: if self.coned { self.touches + self.cones.min(most) } else { 0 },
            between,
        }
    }
}
