//! What parameters do to a robot: nothing at nominal, and elsewhere what an edited model would say.
#![cfg(feature = "mujoco")]

use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{Input, Op, RobotModel, RobotPhysics, Variation, Vary, feel};
use wr2l_sim::{DynamicsSpace, Outcome};

mod common;
use common::{rig, robot, vary};

/// A leg on a slide in the air, with all that may vary; `{…}` are what edits replace.
const LEG: &str = r#"<mujoco>
  <option timestep="0.002" gravity="0 0 {gravity}"/>
  <compiler angle="radian"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1" friction="0.3 0.005 0.0001"/>
    <body name="hip" pos="0 0 0.55">
      <inertial pos="0.01 0 0.02" mass="{mass}" diaginertia="{inertia} {inertia} {inertia}"/>
      <joint name="rail" type="slide" axis="0 0 1"/>
      <joint name="drift" axis="0 1 0" damping="0.3"/>
      <body name="shin" pos="0 0 -0.1">
        <inertial pos="{com} 0 -0.2" mass="0.7" diaginertia="0.004 0.005 0.002"/>
        <joint name="knee" axis="0 1 0" damping="{damping}" armature="{armature}" frictionloss="{loss}" stiffness="{stiffness}"/>
        <geom name="foot" type="sphere" size="0.04" pos="0 0 -0.42" friction="{friction} 0.005 0.0001"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <position name="servo" joint="knee" kp="{kp}" kv="{kv}" gear="{gear}" ctrlrange="-2 2" forcerange="-{limit} {limit}"/>
  </actuator>
</mujoco>"#;

const NOMINAL: [(&str, f64); 13] = [
    ("gravity", -9.81),
    ("mass", 2.0),
    ("inertia", 0.03),
    ("com", 0.02),
    ("damping", 0.4),
    ("armature", 0.02),
    ("loss", 0.1),
    ("stiffness", 1.5),
    ("friction", 0.9),
    ("kp", 30.0),
    ("kv", 0.5),
    ("gear", 1.2),
    ("limit", 3.0),
];

fn leg(edits: &[(&str, f64)]) -> RobotModel {
    let mut text = LEG.to_owned();
    for (name, value) in edits.iter().chain(&NOMINAL) {
        text = text.replace(&format!("{{{name}}}"), &value.to_string());
    }
    RobotModel::from_text("leg", &text).unwrap()
}

/// The course of a robot under φ: qpos and qvel after some steps.
fn course(model: &RobotModel, entries: &[Vary], phi: &[f64], physics: RobotPhysics) -> Vec<f64> {
    let inventory = model.inventory();
    let inputs: Vec<Input> = (0..inventory.reference.len())
        .map(Input::Position)
        .chain((0..inventory.velocities).map(Input::Velocity))
        .collect();
    let varied = Variation::resolve(inventory, entries).unwrap();
    let rig = rig(model, inputs, 0.05);
    let simulator = rig.simulator(&varied.effects, &varied.space, Some(physics)).unwrap();
    let mut sim = simulator.batch(1).unwrap();
    // What was set before is gone.
    for value in 0..2 {
        let bound = |p: &wr2l_sim::Parameter| [p.lower, p.upper][value];
        sim.set_dynamics(0, &varied.space.parameters().iter().map(bound).collect::<Vec<_>>()).unwrap();
    }
    sim.set_dynamics(0, phi).unwrap();
    sim.reset(0, &mut StreamKey::new(4, Purpose::Test).stream());
    let dim = sim.spec().act_dim();
    for t in 0..30 {
        let action: Vec<f64> = (0..dim).map(|i| (i as f64 + 0.4 * f64::from(t)).cos()).collect();
        let mut outcome = [Outcome::Running];
        sim.step(&action, &[true], &mut [0.0], &mut outcome);
        assert_eq!(outcome, [Outcome::Running]);
    }
    let mut state = vec![0.0; sim.spec().state_dim()];
    sim.state(0, &mut state);
    state
}

fn error(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

/// An entry, a value for it, and the edits of the model that say the same.
type Case = (Vary, f64, Vec<(&'static str, f64)>);

fn cases() -> Vec<Case> {
    let case = |select: &str, quantity: &str, op, range, value, edits: &[(&'static str, f64)]| {
        (vary("x", select, quantity, op, range), value, edits.to_vec())
    };
    vec![
        case("body:hip", "mass", Op::Scale, [0.5, 2.0], 1.5, &[("mass", 3.0), ("inertia", 0.045)]),
        case("body:hip", "mass", Op::Add, [-1.0, 2.0], 1.0, &[("mass", 3.0), ("inertia", 0.045)]),
        case("body:hip", "mass", Op::Set, [1.0, 4.0], 3.0, &[("mass", 3.0), ("inertia", 0.045)]),
        case("body:hip", "inertia", Op::Scale, [0.5, 3.0], 2.0, &[("inertia", 0.06)]),
        case("body:shin", "com.x", Op::Add, [-0.05, 0.05], 0.03, &[("com", 0.05)]),
        case("joint:knee", "damping", Op::Set, [0.1, 2.0], 1.1, &[("damping", 1.1)]),
        case("joint:knee", "armature", Op::Scale, [0.5, 2.0], 2.0, &[("armature", 0.04)]),
        case("joint:knee", "frictionloss", Op::Set, [0.0, 1.0], 0.7, &[("loss", 0.7)]),
        case("joint:knee", "stiffness", Op::Add, [-1.0, 5.0], 3.5, &[("stiffness", 5.0)]),
        case("geom:foot", "friction.slide", Op::Set, [0.4, 1.6], 0.4, &[("friction", 0.4)]),
        case("actuator:servo", "gain", Op::Scale, [0.5, 2.0], 0.5, &[("kp", 15.0), ("kv", 0.25)]),
        case("actuator:servo", "gain", Op::Set, [10.0, 60.0], 15.0, &[("kp", 15.0), ("kv", 0.25)]),
        case("actuator:servo", "gear", Op::Scale, [0.5, 2.0], 1.5, &[("gear", 1.8)]),
        case("actuator:servo", "force_limit", Op::Scale, [0.1, 2.0], 0.25, &[("limit", 0.75)]),
        case("option", "gravity.z", Op::Set, [-12.0, -1.0], -3.0, &[("gravity", -3.0)]),
    ]
}

#[test]
fn a_parameter_does_what_an_edited_model_does() {
    for (entry, value, edits) in cases() {
        for physics in [RobotPhysics::Lanes, RobotPhysics::Mujoco] {
            if physics == RobotPhysics::Lanes && entry.quantity.as_str() == "force_limit" {
                continue;
            }
            let name = format!("{} {} on {}", entry.op.as_str(), entry.quantity, physics.as_str());
            let own = course(&leg(&[]), std::slice::from_ref(&entry), &[value], physics);
            let edited = course(&leg(&edits), &[], &[], physics);
            let nominal = course(&leg(&[]), &[], &[], physics);
            assert!(error(&own, &edited) < 1e-10, "{name}: {}", error(&own, &edited));
            assert!(error(&own, &nominal) > 1e-6, "{name} changes nothing");
        }
    }
}

#[test]
fn at_nominal_no_bit_changes() {
    for (entry, ..) in cases() {
        for physics in [RobotPhysics::Lanes, RobotPhysics::Mujoco] {
            if physics == RobotPhysics::Lanes && entry.quantity.as_str() == "force_limit" {
                continue;
            }
            let model = leg(&[]);
            let nominal =
                Variation::resolve(model.inventory(), std::slice::from_ref(&entry)).unwrap().space.nominal();
            let with = course(&model, std::slice::from_ref(&entry), &nominal, physics);
            let without = course(&model, &[], &[], physics);
            let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&with), bits(&without), "{} on {}", entry.quantity, physics.as_str());
        }
    }
}

fn refusal(model: &RobotModel, entry: Vary) -> String {
    Variation::resolve(model.inventory(), &[entry]).unwrap_err().to_string()
}

#[test]
fn masked_friction_is_refused_with_the_partner() {
    let (leg, quadruped) = (leg(&[]), robot("quadruped"));
    let floor = vary("grip", "geom:floor", "friction.slide", Op::Set, [0.1, 2.0]);
    let error = refusal(&leg, floor.clone());
    assert!(
        error.contains("below 0.9") && error.contains("`foot`") && error.contains("geom:foot"),
        "{error}"
    );
    assert!(
        Variation::resolve(leg.inventory(), &[Vary { range: [0.9, 2.0], ..floor.clone() }]).is_err(),
        "0.3 is not in it"
    );
    let both = vary("grip", "geom:*", "friction.slide", Op::Scale, [0.1, 2.0]);
    assert!(Variation::resolve(leg.inventory(), &[both]).is_ok());
    // The quadruped's foot has a higher priority than the floor, so that it alone counts.
    let foot = vary("grip", "geom:fl_foot", "friction.slide", Op::Set, [0.1, 2.0]);
    assert!(Variation::resolve(quadruped.inventory(), &[foot]).is_ok());
    let spin = vary("grip", "geom:fl_foot", "friction.spin", Op::Scale, [0.1, 2.0]);
    let error = refusal(&quadruped, spin);
    assert!(error.contains("condim 4"), "{error}");
}

#[test]
fn entries_that_make_no_sense_are_refused_with_a_way_out() {
    let leg = leg(&[]);
    let cases = [
        (vary("a", "body:hip", "damping", Op::Scale, [0.5, 2.0]), "joint@hip"),
        (vary("a", "joint:knee", "gain", Op::Scale, [0.5, 2.0]), "actuator@joint:knee"),
        (vary("a", "body:hip", "gravity.z", Op::Scale, [0.5, 2.0]), "`option`"),
        (vary("a", "body:hip", "mass", Op::Scale, [1.5, 2.0]), "contain"),
        (vary("a", "body:hip", "mass", Op::Add, [-2.0, 2.0]), "would become 0 kg"),
        (vary("a", "body:*", "mass", Op::Set, [0.5, 3.0]), "`hip` has 2 and `shin` 0.7"),
        (vary("a", "joint:drift", "stiffness", Op::Scale, [0.5, 2.0]), "is 0"),
        (vary("a", "body:hip", "inertia", Op::Set, [0.01, 0.1]), "scaled"),
        (vary("a", "option", "wind.x", Op::Add, [-1.0, 1.0]), "vacuum"),
        (vary("a", "body:hip", "mass", Op::Scale, [f64::NAN, 2.0]), "finite"),
        (vary("a", "body:hips", "mass", Op::Scale, [0.5, 2.0]), "did you mean `hip`"),
    ];
    for (entry, expected) in cases {
        let error = refusal(&leg, entry);
        assert!(error.starts_with("vary.a: ") && error.contains(expected), "{error}");
    }
    let twice = [
        vary("a", "body:hip", "mass", Op::Scale, [0.5, 2.0]),
        vary("b", "body:hip", "mass", Op::Add, [-0.5, 2.0]),
    ];
    assert!(Variation::resolve(leg.inventory(), &twice).unwrap_err().to_string().contains("`a`"));
}

#[test]
fn names_units_and_scales_are_those_of_the_entry() {
    let leg = leg(&[]);
    let each = Vary { each: true, ..vary("load", "body:*", "mass", Op::Add, [-0.5, 1.0]) };
    let varied = Variation::resolve(leg.inventory(), &[each]).unwrap();
    let names: Vec<&str> = varied.space.names().collect();
    assert_eq!(names, ["load/hip", "load/shin"]);
    let hip = &varied.space.parameters()[0];
    assert_eq!((hip.unit.as_str(), hip.nominal, hip.scale), ("kg", 0.0, 2.0));
    assert_eq!((hip.lower, hip.upper), (-0.5, 1.0));
    assert_eq!(varied.space.physical(&[0.1, 0.0])[0], 0.2, "z = 0.1 is a tenth of the body");
    assert_eq!(
        varied.effects.select(&DynamicsSpace::default()).unwrap(),
        varied.effects.select(&DynamicsSpace::default()).unwrap()
    );
}

#[test]
fn a_parameter_that_nothing_feels_is_found_out() {
    let model = leg(&[("limit", 100_000.0)]);
    let entries = [
        vary("load", "body:hip", "mass", Op::Scale, [0.5, 2.0]),
        vary("loose", "actuator:servo", "force_limit", Op::Scale, [1.0, 500.0]),
        vary("wild", "joint:drift", "damping", Op::Scale, [0.5, 2.0]),
    ];
    let varied = Variation::resolve(model.inventory(), &entries).unwrap();
    // No force of this servo comes near such a limit.
    let mut rig = rig(&model, vec![Input::Position(0)], 0.0);
    rig.drives = vec![wr2l_robot::Drive::Held(0.0)];
    let simulator = rig.simulator(&varied.effects, &varied.space, Some(RobotPhysics::Mujoco)).unwrap();
    let felt = feel(&simulator, 1, 50).unwrap();
    let of = |name: &str| felt.iter().filter(|felt| felt.name == name).collect::<Vec<_>>();
    assert_eq!(
        (of("load").len(), of("loose").len()),
        (2, 1),
        "the lower bound of `loose` is its nominal value"
    );
    assert!(of("load").iter().all(|felt| felt.difference > 1e-6 && felt.complaint().is_none()));
    assert!(of("loose")[0].complaint().unwrap().contains("changes nothing"));
}
