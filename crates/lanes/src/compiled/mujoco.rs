//! Takes a model out of MuJoCo, whose compiler has read the MJCF or URDF.

use mujoco_rs::prelude::*;

use super::{
    Activation, Actuator, Arm, Body, Compiled, Cone, Dof, Dynamics, Equality, Geom, Integrator, Joint,
    JointKind, Options, Pair, Shape, Softness, Tie,
};
use crate::refusal::Refusal;

/// Flags of `mjOption` by bit and name, and whether this engine can do without them.
const DISABLED: [(i32, &str); 1] = [(1 << 11, "actuation")];
const ENABLED: [(i32, &str); 5] = [
    (1 << 0, "override"),
    (1 << 3, "invdiscrete"),
    (1 << 4, "sleep"),
    (1 << 5, "diagexact"),
    (1 << 6, "ipc"),
];
const CONSTRAINT_DISABLED: i32 = 1 << 0;
const EQUALITY_DISABLED: i32 = 1 << 1;
const FRICTION_LOSS_DISABLED: i32 = 1 << 2;
const LIMIT_DISABLED: i32 = 1 << 3;
const CONTACT_DISABLED: i32 = 1 << 4;
const SPRING_DISABLED: i32 = 1 << 5;
const DAMPER_DISABLED: i32 = 1 << 6;
const CLAMPING_DISABLED: i32 = 1 << 8;
const GRAVITY_DISABLED: i32 = 1 << 7;
const FILTER_PARENT_DISABLED: i32 = 1 << 10;
const SAFE_REFERENCE_DISABLED: i32 = 1 << 12;
const EULER_DAMPING_DISABLED: i32 = 1 << 15;
/// `nativeccd` and `multiccd`: how capsules touch cylinders.
const CONVEX_DISABLED: i32 = 1 << 17 | 1 << 19;

/// Whether any of these flags of a model is disabled: what it lets act is then left out.
fn off(model: &MjModel, bits: i32) -> bool {
    model.opt().disableflags & bits != 0
}

/// A model, with the names of its elements.
struct Source<'a>(&'a MjModel);

impl Source<'_> {
    fn name(&self, kind: MjtObjBase, id: usize) -> &str {
        self.0.id_to_name(kind, id).unwrap_or_default()
    }

    fn geom_name(&self, id: usize) -> &str {
        self.name(MjtObjBase::mjOBJ_GEOM, id)
    }

    fn body_name(&self, id: usize) -> &str {
        self.name(MjtObjBase::mjOBJ_BODY, id)
    }
}

/// Refuses the first element of a kind for which something holds.
fn none(
    kind: &'static str,
    count: usize,
    name: impl Fn(usize) -> String,
    what: &str,
    holds: impl Fn(usize) -> bool,
) -> Result<(), Refusal> {
    (0..count).find(|i| holds(*i)).map_or(Ok(()), |i| Err(Refusal::new(kind, i, &name(i), what)))
}

fn softness(solref: &[f64; 2], solimp: &[f64; 5]) -> Softness {
    Softness { solref: *solref, solimp: *solimp }
}

impl Compiled {
    /// What a model compiled by MuJoCo 3.17.0 says about motion.
    ///
    /// # Errors
    /// [`Refusal`] names what the model has that this engine knows nothing of: welds, springs of ball joints, muscles, …
    pub fn from_mujoco(model: &MjModel) -> Result<Self, Refusal> {
        let source = Source(model);
        let options = options(model)?;
        refuse(&source)?;
        let mut compiled = Self { options, ..Self::default() };
        compiled.bodies = (1..model.body_parentid().len()).map(|b| body(&source, b)).collect();
        compiled.joints = (0..model.jnt_type().len()).map(|j| joint(&source, j)).collect::<Result<_, _>>()?;
        compiled.dofs = (0..model.dof_armature().len()).map(|d| dof(model, d)).collect();
        let kept: Vec<usize> = (0..model.geom_type().len()).filter(|g| touches(model, *g)).collect();
        compiled.geoms = kept.iter().map(|g| geom(&source, *g)).collect();
        let any = |shape: Shape| compiled.geoms.iter().any(|geom| geom.shape == shape);
        if off(model, CONVEX_DISABLED) && any(Shape::Capsule) && any(Shape::Cylinder) {
            let what = "a flag `nativeccd` or `multiccd` is disabled, and there are capsules and cylinders";
            return Err(Refusal::new("option", 0, "", what));
        }
        let index = |g: i32| kept.iter().position(|kept| *kept == g as usize).unwrap_or(0) as u32;
        if !off(model, CONTACT_DISABLED | CONSTRAINT_DISABLED) {
            compiled.pairs = (0..model.pair_dim().len()).map(|p| pair(&source, p, index)).collect();
        }
        let excluded = |signature: &i32| [(signature >> 16) as u32 & 0xFFFF, *signature as u32 & 0xFFFF];
        compiled.excludes = model.exclude_signature().iter().map(excluded).collect();
        for a in 0..model.actuator_trntype().len() {
            compiled.activations.extend(activation(&source, a)?);
        }
        compiled.actuators =
            (0..model.actuator_trntype().len()).map(|a| actuator(&source, a)).collect::<Result<_, _>>()?;
        for e in 0..model.neq() as usize {
            if model.eq_active0()[e] && !off(model, EQUALITY_DISABLED | CONSTRAINT_DISABLED) {
                compiled.equalities.push(equality(&source, e)?);
            }
        }
        Ok(compiled)
    }
}

fn options(model: &MjModel) -> Result<Options, Refusal> {
    let opt = model.opt();
    let refused = |what: String| Refusal::new("option", 0, "", what);
    for (bit, name) in DISABLED {
        if opt.disableflags & bit != 0 {
            return Err(refused(format!("the flag `{name}` is disabled")));
        }
    }
    for (bit, name) in ENABLED {
        if opt.enableflags & bit != 0 {
            return Err(refused(format!("the flag `{name}` is enabled")));
        }
    }
    if opt.noslip_iterations > 0 {
        return Err(refused("`noslip_iterations` is not 0".into()));
    }
    if opt.disableactuator != 0 {
        return Err(refused("groups of actuators are disabled".into()));
    }
    let integrator = match opt.integrator {
        0 => Integrator::Euler,
        1 => Integrator::RungeKutta4,
        3 => Integrator::ImplicitFast,
        _ => return Err(refused("the integrator is neither Euler, RK4 nor implicitfast".into())),
    };
    let off = |bit: i32| off(model, bit);
    Ok(Options {
        timestep: opt.timestep,
        integrator,
        gravity: if off(GRAVITY_DISABLED) { [0.0; 3] } else { opt.gravity },
        impratio: opt.impratio,
        cone: if opt.cone == 0 { Cone::Pyramidal } else { Cone::Elliptic },
        density: opt.density,
        viscosity: opt.viscosity,
        wind: opt.wind,
        filter_parent: !off(FILTER_PARENT_DISABLED),
        euler_damping: !off(EULER_DAMPING_DISABLED),
        safe_reference: !off(SAFE_REFERENCE_DISABLED),
    })
}

/// What the fields of [`Compiled`] have no word for.
fn refuse(source: &Source<'_>) -> Result<(), Refusal> {
    let model = source.0;
    let named = |kind: MjtObjBase| move |i: usize| source.name(kind, i).to_owned();
    let body = named(MjtObjBase::mjOBJ_BODY);
    let tendons = model.ntendon() as usize;
    none("tendon", tendons, named(MjtObjBase::mjOBJ_TENDON), "tendons that act", |t| acts(model, t))?;
    none("flex", model.nflex() as usize, named(MjtObjBase::mjOBJ_FLEX), "flexible bodies", |_| true)?;
    none("plugin", model.nplugin() as usize, |_| String::new(), "plugins", |_| true)?;
    let bodies = model.body_parentid().len();
    none("body", bodies, body, "mocap bodies", |b| model.body_mocapid()[b] >= 0)?;
    none("body", bodies, body, "gravity compensation", |b| model.body_gravcomp()[b] != 0.0)?;
    let joint = named(MjtObjBase::mjOBJ_JOINT);
    let joints = model.jnt_type().len();
    none("joint", joints, joint, "springs that are not linear", |j| {
        model.jnt_stiffnesspoly()[j].iter().any(|k| *k != 0.0)
    })?;
    none("joint", joints, joint, "springs of free joints", |j| {
        model.jnt_type()[j] == MjtJoint::mjJNT_FREE && model.jnt_stiffness()[j] != 0.0
    })?;
    none("joint", joints, joint, "damping or armature of actuators", |j| model.jnt_actuatorid()[j] != -1)?;
    none(
        "dof",
        model.dof_damping().len(),
        |_| String::new(),
        "damping that is not linear",
        |d| model.dof_dampingpoly()[d].iter().any(|k| *k != 0.0),
    )?;
    let geoms = model.geom_type().len();
    let geom = named(MjtObjBase::mjOBJ_GEOM);
    none("geom", geoms, geom, "surfaces that move", |g| {
        model.geom_surfacevel()[g].iter().any(|v| *v != 0.0)
    })?;
    none("geom", geoms, geom, "adhesion", |g| model.geom_adhesion()[g] != 0.0)?;
    none("geom", geoms, geom, "the ellipsoid model of fluids", |g| model.geom_fluid()[g][0] > 0.0)?;
    let pairs = model.pair_dim().len();
    none("pair", pairs, |_| String::new(), "adhesion", |p| model.pair_adhesion()[p] != 0.0)?;
    none(
        "pair",
        pairs,
        |_| String::new(),
        "a softness of friction of its own",
        |p| model.pair_solreffriction()[p] != [0.0; 2],
    )
}

/// Whether a tendon has any effect; some only tie names together.
fn acts(model: &MjModel, t: usize) -> bool {
    (model.tendon_limited()[t] && !off(model, LIMIT_DISABLED | CONSTRAINT_DISABLED))
        || model.tendon_actuatorid()[t] != -1
        || model.tendon_stiffness()[t] != 0.0
        || model.tendon_damping()[t] != 0.0
        || model.tendon_stiffnesspoly()[t].iter().chain(&model.tendon_dampingpoly()[t]).any(|k| *k != 0.0)
        || model.tendon_frictionloss()[t] != 0.0
        || model.tendon_armature()[t] != 0.0
}

fn touches(model: &MjModel, g: usize) -> bool {
    if off(model, CONTACT_DISABLED | CONSTRAINT_DISABLED) {
        return false;
    }
    let of_pair = |list: &[i32]| list.contains(&(g as i32));
    model.geom_contype()[g] != 0
        || model.geom_conaffinity()[g] != 0
        || of_pair(model.pair_geom1())
        || of_pair(model.pair_geom2())
}

fn body(source: &Source<'_>, b: usize) -> Body {
    let model = source.0;
    Body {
        name: source.body_name(b).to_owned(),
        parent: model.body_parentid()[b] as u32,
        position: model.body_pos()[b],
        orientation: model.body_quat()[b],
        mass: model.body_mass()[b],
        inertia: model.body_inertia()[b],
        centre: model.body_ipos()[b],
        axes: model.body_iquat()[b],
        point: model.body_simple()[b] == 2,
    }
}

fn joint(source: &Source<'_>, j: usize) -> Result<Joint, Refusal> {
    let model = source.0;
    let name = source.name(MjtObjBase::mjOBJ_JOINT, j);
    let kind = match model.jnt_type()[j] {
        MjtJoint::mjJNT_FREE => JointKind::Free,
        MjtJoint::mjJNT_SLIDE => JointKind::Slide,
        MjtJoint::mjJNT_HINGE => JointKind::Hinge,
        MjtJoint::mjJNT_BALL => JointKind::Ball,
    };
    let limited = model.jnt_limited()[j] && !off(model, LIMIT_DISABLED | CONSTRAINT_DISABLED);
    let stiffness = if off(model, SPRING_DISABLED) { 0.0 } else { model.jnt_stiffness()[j] };
    if kind == JointKind::Ball {
        let last = model.jnt_bodyid().get(j + 1) != Some(&model.jnt_bodyid()[j]);
        for (refused, what) in [
            (limited, "limits of ball joints"),
            (stiffness != 0.0, "springs of ball joints"),
            (!last, "a ball joint that is not the last of its body"),
        ] {
            if refused {
                return Err(Refusal::new("joint", j, name, what));
            }
        }
    }
    let at = model.jnt_qposadr()[j] as usize;
    let mut reference = [0.0; 7];
    reference[..kind.coordinates()].copy_from_slice(&model.qpos0()[at..at + kind.coordinates()]);
    Ok(Joint {
        name: name.to_owned(),
        body: model.jnt_bodyid()[j] as u32,
        kind,
        anchor: model.jnt_pos()[j],
        axis: model.jnt_axis()[j],
        reference,
        spring: if kind.is_scalar() { model.qpos_spring()[at] } else { 0.0 },
        stiffness,
        range: (limited && kind != JointKind::Free).then_some(model.jnt_range()[j]),
        margin: model.jnt_margin()[j],
        softness: softness(&model.jnt_solref()[j], &model.jnt_solimp()[j]),
        actuator_force_range: model.jnt_actfrclimited()[j].then_some(model.jnt_actfrcrange()[j]),
    })
}

fn dof(model: &MjModel, d: usize) -> Dof {
    let frictionless = off(model, FRICTION_LOSS_DISABLED | CONSTRAINT_DISABLED);
    Dof {
        armature: model.dof_armature()[d],
        damping: if off(model, DAMPER_DISABLED) { 0.0 } else { model.dof_damping()[d] },
        friction_loss: if frictionless { 0.0 } else { model.dof_frictionloss()[d] },
        softness: softness(&model.dof_solref()[d], &model.dof_solimp()[d]),
    }
}

fn geom(source: &Source<'_>, g: usize) -> Geom {
    let model = source.0;
    let [friction, spin @ ..] = model.geom_friction()[g];
    Geom {
        name: source.geom_name(g).to_owned(),
        body: model.geom_bodyid()[g] as u32,
        shape: Shape::from_number(model.geom_type()[g] as u32),
        position: model.geom_pos()[g],
        orientation: model.geom_quat()[g],
        size: model.geom_size()[g],
        contype: model.geom_contype()[g] as u32,
        conaffinity: model.geom_conaffinity()[g] as u32,
        condim: model.geom_condim()[g] as u32,
        priority: model.geom_priority()[g],
        friction,
        spin,
        solmix: model.geom_solmix()[g],
        softness: softness(&model.geom_solref()[g], &model.geom_solimp()[g]),
        margin: model.geom_margin()[g],
    }
}

fn pair(source: &Source<'_>, p: usize, index: impl Fn(i32) -> u32) -> Pair {
    let model = source.0;
    let [first, second, spin @ ..] = model.pair_friction()[p];
    Pair {
        name: source.name(MjtObjBase::mjOBJ_PAIR, p).to_owned(),
        geoms: [index(model.pair_geom1()[p]), index(model.pair_geom2()[p])],
        condim: model.pair_dim()[p] as u32,
        friction: [first, second],
        spin,
        softness: softness(&model.pair_solref()[p], &model.pair_solimp()[p]),
        margin: model.pair_margin()[p],
    }
}

fn equality(source: &Source<'_>, e: usize) -> Result<Equality, Refusal> {
    let model = source.0;
    let name = source.name(MjtObjBase::mjOBJ_EQUALITY, e);
    let refused = |what: &str| Err(Refusal::new("equality", e, name, what));
    let (one, other, data) = (model.eq_obj1id()[e], model.eq_obj2id()[e], &model.eq_data()[e]);
    let tie = match model.eq_type()[e] {
        MjtEq::mjEQ_JOINT => Tie::Joint {
            joint: one as u32,
            leader: u32::try_from(other).ok(),
            polynomial: std::array::from_fn(|i| data[i]),
        },
        MjtEq::mjEQ_CONNECT if model.eq_objtype()[e] == MjtObjBase::mjOBJ_SITE => {
            let sites = [one as usize, other as usize];
            Tie::Connect {
                bodies: sites.map(|site| model.site_bodyid()[site] as u32),
                anchors: sites.map(|site| model.site_pos()[site]),
            }
        }
        MjtEq::mjEQ_CONNECT => Tie::Connect {
            bodies: [one as u32, other as u32],
            anchors: [0, 3].map(|from| std::array::from_fn(|i| data[from + i])),
        },
        MjtEq::mjEQ_WELD => return refused("welds"),
        MjtEq::mjEQ_TENDON => return refused("ties of tendons"),
        _ => return refused("ties of flexible bodies"),
    };
    Ok(Equality {
        name: name.to_owned(),
        tie,
        softness: softness(&model.eq_solref()[e], &model.eq_solimp()[e]),
    })
}

/// The joints of a fixed tendon; none of one that goes through space.
fn arms(model: &MjModel, tendon: usize) -> Option<Vec<Arm>> {
    let first = model.tendon_adr()[tendon] as usize;
    let arm = |w: usize| {
        let fixed = model.wrap_type()[w] == MjtWrap::mjWRAP_JOINT;
        fixed.then(|| Arm { joint: model.wrap_objid()[w] as u32, coefficient: model.wrap_prm()[w] })
    };
    (first..first + model.tendon_num()[tendon] as usize).map(arm).collect()
}

fn actuator(source: &Source<'_>, a: usize) -> Result<Actuator, Refusal> {
    let model = source.0;
    let name = source.name(MjtObjBase::mjOBJ_ACTUATOR, a);
    let refused = |what: &str| Err(Refusal::new("actuator", a, name, what));
    let target = model.actuator_trnid()[a][0];
    let (joint, arms) = match model.actuator_trntype()[a] {
        MjtTrn::mjTRN_JOINT | MjtTrn::mjTRN_JOINTINPARENT => (target, Vec::new()),
        MjtTrn::mjTRN_TENDON => match arms(model, target as usize) {
            Some(arms) => (0, arms),
            None => return refused("it acts on a tendon that is not fixed"),
        },
        _ => return refused("it acts neither on a joint nor on a tendon"),
    };
    let scalar = [MjtJoint::mjJNT_SLIDE, MjtJoint::mjJNT_HINGE];
    if arms.is_empty() && !scalar.contains(&model.jnt_type()[joint as usize]) {
        return refused("it acts on a joint that is neither hinge nor slide");
    }
    if model.actuator_ctrlnum()[a] != 1 || model.actuator_delay()[a] != 0.0 {
        return refused("more than one control, or a delay");
    }
    if model.actuator_gaintype()[a] != MjtGain::mjGAIN_FIXED {
        return refused("a gain that is not fixed");
    }
    let bias = match model.actuator_biastype()[a] {
        MjtBias::mjBIAS_NONE => [0.0; 3],
        MjtBias::mjBIAS_AFFINE => std::array::from_fn(|i| model.actuator_biasprm()[a][i]),
        _ => return refused("a bias that is neither none nor affine"),
    };
    if model.actuator_damping()[a] != 0.0 || model.actuator_armature()[a] != 0.0 {
        return refused("damping or armature of its own");
    }
    let clamped = model.actuator_ctrllimited()[a] && !off(model, CLAMPING_DISABLED);
    Ok(Actuator {
        name: name.to_owned(),
        joint: joint as u32,
        arms,
        gear: model.actuator_gear()[a][0],
        gain: model.actuator_gainprm()[a][0],
        bias,
        control_range: clamped.then_some(model.actuator_ctrlrange()[a]),
        force_range: model.actuator_forcelimited()[a].then_some(model.actuator_forcerange()[a]),
    })
}

/// The activation of an actuator, if it has one.
fn activation(source: &Source<'_>, a: usize) -> Result<Option<Activation>, Refusal> {
    /// Times below this are this to MuJoCo (`mjMINVAL`).
    const LEAST: f64 = 1e-15;
    let model = source.0;
    let dynamics = match model.actuator_dyntype()[a] {
        MjtDyn::mjDYN_NONE if model.actuator_actnum()[a] == 0 => return Ok(None),
        MjtDyn::mjDYN_INTEGRATOR => Some(Dynamics::Integrator),
        MjtDyn::mjDYN_FILTER => Some(Dynamics::Filter),
        MjtDyn::mjDYN_FILTEREXACT => Some(Dynamics::ExactFilter),
        _ => None,
    };
    let Some(dynamics) = dynamics.filter(|_| model.actuator_actnum()[a] == 1) else {
        let name = source.name(MjtObjBase::mjOBJ_ACTUATOR, a);
        return Err(Refusal::new("actuator", a, name, "activation dynamics beyond integrators and filters"));
    };
    Ok(Some(Activation {
        actuator: a as u32,
        dynamics,
        time: model.actuator_dynprm()[a][0].max(LEAST),
        range: model.actuator_actlimited()[a].then_some(model.actuator_actrange()[a]),
        early: model.actuator_actearly()[a],
    }))
}
