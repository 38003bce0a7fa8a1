//! Files of compiled models: what is written is read, and nothing else is.

use wr2l_lanes::{Activation, Compiled, Contacts, Dynamics, Equality, FileError, JointKind, Model, Tie};

mod common;
use common::{MODELS, Random, bytes};

/// The hash that a file's head holds, written down once more.
fn stamp(file: &mut [u8]) {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in &file[32..] {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    let length = (file.len() - 32) as u64;
    file[16..24].copy_from_slice(&length.to_le_bytes());
    file[24..32].copy_from_slice(&hash.to_le_bytes());
}

#[test]
fn a_model_survives_its_file_to_the_bit() {
    for name in MODELS {
        let file = bytes(name);
        let model = Compiled::from_bytes(&file).unwrap();
        assert_eq!(model.to_bytes().unwrap(), file, "{name}");
        assert_eq!(Compiled::from_bytes(&model.to_bytes().unwrap()).unwrap(), model, "{name}");
        assert!(file.len() < 20_000, "{name}: {} bytes", file.len());
    }
}

/// Older programs read what they can move, and hashes in plans stay.
#[test]
fn a_file_is_of_the_first_version_that_can_hold_it() {
    for (name, version) in [("hopper", 2), ("servos", 3), ("gripper", 4), ("linkage", 4)] {
        assert_eq!(bytes(name)[8..16], [version, 0, 0, 0, 0, 0, 0, 0], "{name}");
    }
    let mut model = Compiled::from_bytes(&bytes("servos")).unwrap();
    model.equalities = Compiled::from_bytes(&bytes("linkage")).unwrap().equalities;
    for equality in &mut model.equalities {
        if let Tie::Connect { bodies, .. } = &mut equality.tie {
            *bodies = [1, 0];
        }
    }
    model.equalities.push(Equality::default());
    model.equalities.last_mut().unwrap().tie = Tie::Joint { joint: 0, leader: Some(1), polynomial: [0.5; 5] };
    let file = model.to_bytes().unwrap();
    assert_eq!(Compiled::from_bytes(&file).unwrap(), model, "activations and ties, of either kind");
    model.equalities.clear();
    assert_eq!(model.to_bytes().unwrap(), bytes("servos"));
}

#[test]
fn models_that_differ_in_a_bit_have_other_hashes() {
    let model = Compiled::from_bytes(&bytes("hopper")).unwrap();
    let mut other = model.clone();
    other.bodies[1].mass = other.bodies[1].mass.next_up();
    assert_ne!(model.hash().unwrap(), other.hash().unwrap());
    assert_eq!(model.hash().unwrap(), model.clone().hash().unwrap());
}

#[test]
fn a_damaged_file_is_refused_and_says_why() {
    let good = bytes("hopper");
    let refused = |file: &[u8]| Compiled::from_bytes(file).unwrap_err();
    assert_eq!(refused(b""), FileError::Foreign);
    assert_eq!(refused(&good[1..]), FileError::Foreign);
    assert_eq!(refused(&good[..good.len() - 1]), FileError::Damaged("it is not as long as it says"));
    for at in [32, 100, good.len() - 1] {
        let mut file = good.clone();
        file[at] ^= 1;
        assert_eq!(refused(&file), FileError::Damaged("its hash is another"), "byte {at}");
    }
    for version in [1, 5] {
        let mut other = good.clone();
        other[8] = version;
        assert_eq!(refused(&other), FileError::Version { found: version.into() });
    }
    let mut longer = good;
    longer.push(0);
    stamp(&mut longer);
    assert_eq!(refused(&longer), FileError::Damaged("something follows the model"));
}

#[test]
fn numbers_that_make_no_sense_are_refused_by_element() {
    let model = Compiled::from_bytes(&bytes("quadruped")).unwrap();
    let said = |change: &dyn Fn(&mut Compiled)| {
        let mut model = model.clone();
        change(&mut model);
        Compiled::from_bytes(&model.to_bytes().unwrap()).unwrap_err().to_string()
    };
    let nonsense = "the compiled model makes no sense: ";
    assert_eq!(
        said(&|m| m.bodies[2].mass = -1.0),
        format!("{nonsense}body 3 `front_left`: its mass must not be negative")
            .replace("front_left", &model.bodies[2].name)
    );
    type Change = fn(&mut Compiled);
    fn tied(model: &mut Compiled, tie: Tie) {
        model.equalities.push(Equality { tie, ..Equality::default() });
    }
    let cases: [(Change, &str); 19] = [
        (|m| m.bodies[1].mass = f64::NAN, "a number is not finite"),
        (|m| m.bodies[1].parent = 7, "its parent does not come before it"),
        (|m| m.joints[3].axis = [0.0, 2.0, 0.0], "its axis must be a unit vector"),
        (|m| m.joints[2].body = 99, "its body does not exist"),
        (|m| m.geoms[1].condim = 2, "its condim must be"),
        (|m| m.pairs[0].geoms = [0, 1000], "a geom does not exist"),
        (|m| m.actuators[0].joint = 0, "it acts on a joint that is neither hinge nor slide"),
        (|m| m.joints[2].kind = JointKind::Ball, "its orientation must be a unit quaternion"),
        (
            |m| {
                (m.joints[2].kind, m.joints[2].reference[0]) = (JointKind::Ball, 1.0);
                m.joints[2].stiffness = 1.0;
            },
            "a ball joint has neither limit nor spring",
        ),
        (
            |m| m.activations.push(Activation { actuator: 99, ..Activation::default() }),
            "there is an activation of it, and it does not exist",
        ),
        (
            |m| m.activations.push(Activation { dynamics: Dynamics::Filter, ..Activation::default() }),
            "the time of a filter must be positive",
        ),
        (
            |m| tied(m, Tie::Joint { joint: 99, leader: None, polynomial: [0.0; 5] }),
            "equality 0: a joint of it does not exist",
        ),
        (
            |m| tied(m, Tie::Joint { joint: 1, leader: Some(0), polynomial: [0.0; 5] }),
            "a joint of it does not exist or is neither hinge nor slide",
        ),
        (
            |m| tied(m, Tie::Joint { joint: 1, leader: None, polynomial: [f64::NAN; 5] }),
            "equality 0: a number is not finite",
        ),
        (
            |m| tied(m, Tie::Connect { bodies: [0, 99], anchors: [[0.0; 3]; 2] }),
            "a body of it does not exist",
        ),
        (
            |m| tied(m, Tie::Connect { bodies: [0, 1], anchors: [[f64::INFINITY; 3]; 2] }),
            "equality 0: a number is not finite",
        ),
        (
            |m| {
                tied(m, Tie::default());
                m.equalities[0].tie = Tie::Joint { joint: 1, leader: None, polynomial: [0.0; 5] };
                m.equalities[0].softness.solref = [0.02, -1.0];
            },
            "equality 0: `solref` must have",
        ),
        (|m| m.options.timestep = 0.0, "the time step must be positive"),
        (|m| m.dofs.truncate(3), "there are not as many as the joints have"),
    ];
    for (change, expected) in cases {
        let said = said(&change);
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

/// Bytes of the body changed, cut and repeated at random, with a head that fits: nothing panics, and what is accepted is a
/// model that checks.
#[test]
fn hostile_files_never_panic() {
    let rounds = if std::env::var("WR2L_THOROUGH").is_ok() { 100_000 } else { 3_000 };
    let mut random = Random(9);
    let (mut read, mut made) = (0, 0);
    for round in 0..rounds {
        let mut file = bytes(MODELS[round % MODELS.len()]);
        for _ in 0..1 + random.below(4) {
            let at = 32 + random.below(file.len() - 32);
            match random.below(5) {
                0 => file[at] = random.below(256) as u8,
                1 => file[at] ^= 1 << random.below(8),
                2 => file.truncate(at + 1),
                3 => file.extend_from_within(at..),
                _ => {
                    let end = (at + 8).min(file.len());
                    let value = [f64::NAN, f64::INFINITY, -1.0, 1e99, 0.0][random.below(5)];
                    file[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
                }
            }
        }
        stamp(&mut file);
        if let Ok(model) = Compiled::from_bytes(&file) {
            read += 1;
            model.check().unwrap();
            made += usize::from(Model::new(model, Contacts::All).is_ok());
        }
    }
    println!("{read} of {rounds} are models, {made} of them can be moved");
    assert!(read > rounds / 20 && read < rounds);
}
