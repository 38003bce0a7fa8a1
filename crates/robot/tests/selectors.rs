//! Selectors mean what they say, and refuse with what would help.

use proptest::prelude::*;
use wr2l_robot::{
    Actuator, Body, Element, ElementKind, Geom, Inventory, Joint, Pair, Selector, Sensor, Site,
};

fn body(name: &str, parent: usize) -> Body {
    Body { name: name.into(), parent, ..Body::default() }
}

fn geom(name: &str, body: usize, collides: bool) -> Geom {
    Geom { name: name.into(), body, collides, ..Geom::default() }
}

/// A trunk with two legs; most geoms and one actuator have no names.
fn robot() -> Inventory {
    let joint = |name: &str, body| Joint { name: name.into(), body, ..Joint::default() };
    let actuator = |name: &str, joint| Actuator { name: name.into(), joint, ..Actuator::default() };
    Inventory {
        bodies: vec![
            body("world", 0),
            body("base", 0),
            body("FL_hip", 1),
            body("FL_calf", 2),
            body("FR_hip", 1),
            body("FR_calf", 4),
        ],
        joints: vec![
            joint("root", 1),
            joint("FL_hip_joint", 2),
            joint("FL_knee", 3),
            joint("FR_hip_joint", 4),
            joint("FR_knee", 5),
        ],
        geoms: vec![
            geom("floor", 0, true),
            geom("", 1, false),
            geom("", 1, true),
            geom("", 3, false),
            geom("FL_foot", 3, true),
            geom("", 5, true),
        ],
        sites: vec![Site { name: "imu".into(), body: 1, ..Site::default() }],
        pairs: vec![Pair { geoms: [0, 4], ..Pair::default() }],
        actuators: vec![actuator("", Some(1)), actuator("FL_knee", Some(2)), actuator("gripper", None)],
        sensors: vec![Sensor::default(), Sensor { name: "gyro".into(), ..Sensor::default() }],
        ..Inventory::default()
    }
}

fn select(text: &str) -> Result<Vec<Element>, String> {
    let selector = Selector::parse(text).map_err(|error| error.to_string())?;
    selector.select(&robot()).map_err(|error| error.to_string())
}

#[test]
fn every_form_selects_what_it_says() {
    use Element::{Actuator, Body, Geom, Joint, Pair, Sensor, Site};
    let cases: [(&str, &[Element]); 24] = [
        ("body:base", &[Body(1)]),
        ("body:*_calf", &[Body(3), Body(5)]),
        ("body:*", &[Body(1), Body(2), Body(3), Body(4), Body(5)]),
        ("body:world", &[Body(0)]),
        ("body:F?_hip", &[Body(2), Body(4)]),
        ("subtree:FL_hip", &[Body(2), Body(3)]),
        ("subtree:base", &[Body(1), Body(2), Body(3), Body(4), Body(5)]),
        ("joint:*knee", &[Joint(2), Joint(4)]),
        ("joint@FL_*", &[Joint(1), Joint(2)]),
        ("joint@subtree:FR_hip", &[Joint(3), Joint(4)]),
        ("geom:*", &[Geom(0), Geom(1), Geom(2), Geom(3), Geom(4), Geom(5)]),
        ("geom:*foot", &[Geom(4)]),
        ("geom@base", &[Geom(1), Geom(2)]),
        ("geom@base[*]", &[Geom(1), Geom(2)]),
        ("geom@base[1]", &[Geom(2)]),
        ("geom@*_calf[collision]", &[Geom(4), Geom(5)]),
        ("geom@subtree:base[visual]", &[Geom(1), Geom(3)]),
        ("geom@world", &[Geom(0)]),
        ("site:imu", &[Site(0)]),
        ("actuator@joint:FL_*", &[Actuator(0), Actuator(1)]),
        ("actuator@FL_hip", &[Actuator(0)]),
        ("pair@geom:floor", &[Pair(0)]),
        ("sensor[0]", &[Sensor(0)]),
        ("option", &[Element::Option]),
    ];
    for (text, expected) in cases {
        assert_eq!(select(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn every_element_has_a_selector_that_means_it_alone() {
    let robot = robot();
    for kind in ElementKind::ALL {
        for i in 0..kind.count(&robot) {
            let element = kind.element(i);
            let text = element.selector(&robot);
            assert_eq!(select(&text), Ok(vec![element]), "{text}");
            assert!(!element.label(&robot).is_empty());
        }
    }
}

#[test]
fn refusals_say_where_what_and_what_exists() {
    let cases = [
        ("bdy:base", "column 1", "`body`?"),
        ("body:bse", "matches no body", "`base`?"),
        ("body:FL_knee", "matches no body", "`FL_knee` is the name of a joint"),
        (
            "geom:torso",
            "matches no geom",
            "`floor`, `FL_foot`, and 4 without names, addressed by their body: `geom@base[0]`",
        ),
        ("geom@base[2]", "matches no geom", "`base` has 2 geoms"),
        ("geom@base[collision", "column 20", "`]`"),
        ("geom@base[colision]", "column 11", "a number"),
        ("joint@base[visual]", "column 12", "of geoms"),
        ("geom@base[class=foot]", "column 11", "classes"),
        ("geom@", "column 6", "the name of a body"),
        ("geom@joint:FL_knee", "column 6", "body, subtree"),
        ("sensor@base", "column 8", "sensor:NAME"),
        ("sensor[2]", "matches no sensor", "the model has 2 sensors"),
        ("sensor[+1]", "column 8", "a number"),
        ("tendon:*", "matches no tendon", "the model has no tendons"),
        ("body", "column 5", "body:NAME"),
        ("option:gravity", "column 1", "one of"),
        ("", "column 1", "one of"),
        ("body[0]x", "column 8", "the end"),
    ];
    for (text, first, second) in cases {
        let error = select(text).unwrap_err();
        assert!(error.contains(first) && error.contains(second), "{text}: {error}");
    }
}

#[test]
fn patterns_with_many_stars_end() {
    let text = format!("body:{}b", "*a".repeat(60));
    let long =
        Inventory { bodies: vec![body("world", 0), body(&"a".repeat(1000), 0)], ..Inventory::default() };
    assert!(Selector::parse(&text).unwrap().select(&long).is_err());
}

/// Texts like selectors, with something wrong.
fn mutated() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec![
        "body:*_calf",
        "geom@FL_*[collision]",
        "actuator@joint:FL_knee",
        "subtree:FL_hip",
        "sensor[1]",
        "option",
    ]);
    (base, prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3u8), 0..4)).prop_map(
        |(base, changes)| {
            let mut text: Vec<char> = base.chars().collect();
            for (at, character, what) in changes {
                let at = at.index(text.len() + 1);
                match what {
                    0 => text.insert(at, character),
                    1 if at < text.len() => drop(text.remove(at)),
                    _ if at < text.len() => text[at] = "[]@:*?0é"[..].chars().nth(at % 8).unwrap_or('x'),
                    _ => {}
                }
            }
            text.into_iter().collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_mutated_selector_is_answered_or_refused_within_its_text(text in mutated()) {
        match Selector::parse(&text) {
            Ok(selector) => {
                prop_assert_eq!(selector.as_str(), &text);
                if let Ok(found) = selector.select(&robot()) {
                    prop_assert!(!found.is_empty());
                    prop_assert!(found.iter().all(|element| element.kind() == selector.kind()));
                    prop_assert!(found.is_sorted());
                }
            }
            Err(error) => {
                let column = error.column().expect("what is not parsed has a place");
                prop_assert!((1..=text.chars().count() + 1).contains(&column));
            }
        }
    }
}
