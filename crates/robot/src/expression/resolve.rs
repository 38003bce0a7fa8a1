//! From a quantity and its selectors to inputs.

use super::error::{Refusal, hint};
use super::graph::{Graph, Part};
use super::kernel::Op;
use super::lexer::Raw;
use super::quantity::{Meaning, Quantity};
use super::scope::Scope;
use crate::element::{Element, ElementKind};
use crate::input::Input;
use crate::inventory::JointKind;
use crate::selector::Selector;

/// The part that a quantity of selected elements is: of one after the other, in the order of selectors and model.
pub(super) fn selected(
    graph: &mut Graph,
    scope: &Scope<'_>,
    quantity: &Quantity,
    selectors: &[Raw],
) -> Result<Part, Refusal> {
    let mut parts = Vec::new();
    for raw in selectors {
        let elements = elements(scope, quantity, raw)?;
        let mut inputs = Vec::new();
        for element in elements {
            let of = Of { scope, raw, quantity };
            match quantity.meaning {
                Meaning::Gravity => parts.push(gravity(graph, &of, element.index())?),
                Meaning::LocalVelocity => parts.push(local_velocity(graph, element.index())),
                Meaning::Tilt => parts.push(tilt(graph, element.index())),
                Meaning::Heading => parts.push(heading(graph, element.index())),
                Meaning::Home => {
                    let numbers = of.positions(element)?.map(|i| scope.home[i]);
                    parts.push(graph.constant(&numbers.collect::<Vec<_>>()));
                }
                Meaning::HomeControl => {
                    parts.push(graph.constant(&[scope.home_controls[element.index()]]));
                }
                _ => inputs.extend(of.inputs(element)?),
            }
        }
        if !inputs.is_empty() {
            parts.push(graph.inputs(inputs));
        }
    }
    Ok(graph.join(&parts))
}

/// What a selector finds; of patterns of joints, those without a place of their own.
fn elements(scope: &Scope<'_>, quantity: &Quantity, raw: &Raw) -> Result<Vec<Element>, Refusal> {
    let short = quantity.meaning == Meaning::Sensor && !raw.text.contains([':', '@', '[']);
    let text = if short { format!("sensor:{}", raw.text) } else { raw.text.clone() };
    let selector = Selector::parse(&text).map_err(|error| {
        let column = error.column().map_or(0, |column| column - 1);
        let start = raw.text.char_indices().nth(column).map_or(raw.span.end, |(at, _)| raw.span.start + at);
        Refusal::new(&(start..raw.span.end), error.to_string())
    })?;
    if !quantity.of.contains(&selector.kind()) {
        let kinds: Vec<&str> = quantity.of.iter().map(|kind| kind.plural()).collect();
        let (name, kinds) = (quantity.name, kinds.join(" or "));
        let message = format!("`{name}` is of {kinds}, and `{text}` selects {}", selector.kind().plural());
        return Err(Refusal::new(&raw.span, message));
    }
    let mut found =
        selector.select(scope.inventory).map_err(|error| Refusal::new(&raw.span, error.to_string()))?;
    if selector.kind() == ElementKind::Joint && raw.text.contains(['*', '?']) {
        let free = |element: &Element| match scope.inventory.joints.get(element.index()) {
            Some(joint) => joint.kind == JointKind::Free,
            None => false,
        };
        let root = found.iter().copied().find(free);
        found.retain(|element| !free(element));
        if let (true, Some(root)) = (found.is_empty(), root) {
            let name = &scope.inventory.joints[root.index()].name;
            let message = format!(
                "`{text}` matches free joints alone, which patterns leave out: name it, as in `joint:{name}`"
            );
            return Err(Refusal::new(&raw.span, message));
        }
    }
    Ok(found)
}

/// A quantity of one selector.
struct Of<'a> {
    scope: &'a Scope<'a>,
    raw: &'a Raw,
    quantity: &'a Quantity,
}

impl Of<'_> {
    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, Refusal> {
        Err(Refusal::new(&self.raw.span, message))
    }

    /// Addresses of a joint's positions.
    fn positions(&self, joint: Element) -> Result<std::ops::Range<usize>, Refusal> {
        let joint = &self.scope.inventory.joints[joint.index()];
        let count = match joint.kind {
            JointKind::Free => 7,
            JointKind::Ball => 4,
            JointKind::Slide | JointKind::Hinge => 1,
        };
        let range = joint.position..joint.position + count;
        // A model from elsewhere may contradict itself.
        if range.end > self.scope.home.len() {
            return self.refuse(format!("joint `{}` has no positions in this model", joint.name));
        }
        Ok(range)
    }

    /// Addresses of a joint's velocities.
    fn velocities(&self, joint: Element) -> std::ops::Range<usize> {
        let joint = &self.scope.inventory.joints[joint.index()];
        let count = match joint.kind {
            JointKind::Free => 6,
            JointKind::Ball => 3,
            JointKind::Slide | JointKind::Hinge => 1,
        };
        joint.velocity..joint.velocity + count
    }

    /// Its place in the action.
    fn action(&self, actuator: usize) -> Result<usize, Refusal> {
        match self.scope.actuators.iter().position(|other| *other == actuator) {
            Some(at) => Ok(at),
            None => self.refuse("the action does not drive this actuator: see `[action] select`"),
        }
    }

    fn inputs(&self, element: Element) -> Result<Vec<Input>, Refusal> {
        let at = element.index();
        let axes = |input: fn(usize, usize) -> Input| (0..3).map(|axis| input(at, axis)).collect();
        let six = |input: fn(usize, usize) -> Input| (0..6).map(|component| input(at, component)).collect();
        Ok(match (self.quantity.meaning, element) {
            (Meaning::Positions, _) => self.positions(element)?.map(Input::Position).collect(),
            (Meaning::Velocities, _) => self.velocities(element).map(Input::Velocity).collect(),
            (Meaning::JointForce, _) => self.velocities(element).map(Input::JointForce).collect(),
            (Meaning::JointConstraintForce, _) => {
                self.velocities(element).map(Input::JointConstraintForce).collect()
            }
            (Meaning::Action, _) => vec![Input::Action(self.action(at)?)],
            (Meaning::LastAction, _) => vec![Input::LastAction(self.action(at)?)],
            (Meaning::ActuatorForce, _) => vec![Input::ActuatorForce(at)],
            (Meaning::Place, Element::Site(site)) => {
                (0..3).map(|axis| Input::SitePosition { site, axis }).collect()
            }
            (Meaning::Place, _) => axes(|body, axis| Input::BodyPosition { body, axis }),
            (Meaning::Height, Element::Site(site)) => vec![Input::SitePosition { site, axis: 2 }],
            (Meaning::Height, _) => vec![Input::BodyPosition { body: at, axis: 2 }],
            (Meaning::Velocity, _) => axes(|body, axis| Input::BodyVelocity { body, axis }),
            (Meaning::Progress, Element::Joint(_)) => {
                let range = self.positions(element)?;
                if range.len() > 1 {
                    let body = self.scope.inventory.joints[at].body;
                    let body = self.scope.inventory.bodies.get(body).map_or("", |body| body.name.as_str());
                    return self.refuse(format!(
                        "`progress` of a free or ball joint means little: take `progress(body:{body})`"
                    ));
                }
                range.map(Input::PositionProgress).collect()
            }
            (Meaning::Progress, _) => axes(|body, axis| Input::BodyProgress { body, axis }),
            (Meaning::Spin, _) => axes(|body, axis| Input::BodySpin { body, axis }),
            (Meaning::Axis(column), _) => {
                (0..3).map(|row| Input::BodyRotation { body: at, row, column }).collect()
            }
            (Meaning::Centre, _) => axes(|body, axis| Input::CentreOfMass { body, axis }),
            (Meaning::CentreProgress, _) => axes(|body, axis| Input::CentreProgress { body, axis }),
            (Meaning::ConstraintForce, _) => {
                six(|body, component| Input::ConstraintForce { body, component })
            }
            (Meaning::TreeVelocity, _) => six(|body, component| Input::TreeVelocity { body, component }),
            (Meaning::TreeInertia, _) => {
                (0..10).map(|component| Input::TreeInertia { body: at, component }).collect()
            }
            (Meaning::ContactForce, _) => vec![Input::ContactForce { geom: at }],
            (Meaning::Sensor, _) => {
                let sensor = &self.scope.inventory.sensors[at];
                (sensor.address..sensor.address + sensor.dimension).map(Input::Sensor).collect()
            }
            (meaning, _) => unreachable!("{meaning:?} is made of other quantities"),
        })
    }
}

/// Three entries of a rotation matrix.
fn row_of_rotation(graph: &mut Graph, body: usize, row: usize) -> Part {
    graph.inputs((0..3).map(|column| Input::BodyRotation { body, row, column }).collect())
}

/// The direction of gravity in a body's frame: the transposed rotation times the unit vector of gravity.
fn gravity(graph: &mut Graph, of: &Of<'_>, body: usize) -> Result<Part, Refusal> {
    let [x, y, z] = of.scope.inventory.gravity;
    let norm = (x * x + y * y + z * z).sqrt();
    if !(norm > 0.0 && norm.is_finite()) {
        return of.refuse("this model has no gravity, and so it has no direction");
    }
    let mut sum = None;
    for (row, along) in [x, y, z].into_iter().enumerate().filter(|(_, along)| *along != 0.0) {
        let rotation = row_of_rotation(graph, body, row);
        let share = match along / norm {
            -1.0 => graph.each(Op::Negate, &[rotation]),
            share => {
                let share = graph.constant(&[share]);
                graph.each(Op::Multiply, &[rotation, share])
            }
        };
        sum = Some(sum.map_or(share, |sum| graph.each(Op::Add, &[sum, share])));
    }
    sum.map_or_else(|| of.refuse("this model has no gravity"), Ok)
}

/// The velocity of a body's origin in its own frame: the transposed rotation times the velocity.
fn local_velocity(graph: &mut Graph, body: usize) -> Part {
    let along = |graph: &mut Graph, axis: usize| {
        let rotation = row_of_rotation(graph, body, axis);
        let velocity = graph.inputs(vec![Input::BodyVelocity { body, axis }]);
        graph.each(Op::Multiply, &[rotation, velocity])
    };
    let [x, y, z] = [0, 1, 2].map(|axis| along(graph, axis));
    let sum = graph.each(Op::Add, &[x, y]);
    graph.each(Op::Add, &[sum, z])
}

fn rotation(graph: &mut Graph, body: usize, row: usize, column: usize) -> Part {
    graph.inputs(vec![Input::BodyRotation { body, row, column }])
}

/// The angle between a body's z axis and that of the world. An arc cosine would lose half the digits where a robot stands.
fn tilt(graph: &mut Graph, body: usize) -> Part {
    let across = graph.inputs((0..2).map(|row| Input::BodyRotation { body, row, column: 2 }).collect());
    let squares = graph.each(Op::Square, &[across]);
    let square = graph.reduce(Op::Add, squares);
    let across = graph.each(Op::Sqrt, &[square]);
    let along = rotation(graph, body, 2, 2);
    graph.each(Op::Atan2, &[across, along])
}

/// The direction of a body's x axis on the ground, from the world's x axis.
fn heading(graph: &mut Graph, body: usize) -> Part {
    let y = rotation(graph, body, 1, 0);
    let x = rotation(graph, body, 0, 0);
    graph.each(Op::Atan2, &[y, x])
}

/// Names without parentheses.
const PLAIN: [&str; 16] = [
    "action",
    "actuator_force",
    "dt",
    "false",
    "home",
    "home_ctrl",
    "joint_constraint_force",
    "joint_force",
    "last_action",
    "pi",
    "qpos",
    "qvel",
    "terminated",
    "time",
    "timestep",
    "true",
];

/// Whether a constant may not be called so.
pub(crate) fn is_taken(name: &str) -> bool {
    PLAIN.contains(&name)
        || super::quantity::QUANTITIES.iter().any(|quantity| quantity.name == name)
        || super::ast::FUNCTIONS.iter().any(|(function, _)| *function == name)
        || ["and", "or", "not"].contains(&name)
}

/// The part that a name without parentheses is; `None` for one without numbers.
pub(super) fn plain(graph: &mut Graph, scope: &Scope<'_>, name: &str) -> Result<Option<Part>, String> {
    let inventory = scope.inventory;
    let all = |count: usize, input: fn(usize) -> Input| (0..count).map(input).collect::<Vec<_>>();
    let inputs = match name {
        "qpos" => all(inventory.reference.len(), Input::Position),
        "qvel" => all(inventory.velocities, Input::Velocity),
        "joint_force" => all(inventory.velocities, Input::JointForce),
        "joint_constraint_force" => all(inventory.velocities, Input::JointConstraintForce),
        "actuator_force" => all(inventory.actuators.len(), Input::ActuatorForce),
        "action" => all(scope.actuators.len(), Input::Action),
        "last_action" => all(scope.actuators.len(), Input::LastAction),
        "time" => vec![Input::Time],
        _ => {
            let constants = match name {
                "home" => scope.home.to_vec(),
                "home_ctrl" => scope.home_controls.to_vec(),
                "dt" => vec![scope.step_seconds],
                "timestep" => vec![inventory.timestep],
                "pi" => vec![std::f64::consts::PI],
                _ => match scope.constants.get(name) {
                    Some(numbers) => numbers.clone(),
                    None => return Err(unknown(scope, name)),
                },
            };
            return Ok((!constants.is_empty()).then(|| graph.constant(&constants)));
        }
    };
    Ok((!inputs.is_empty()).then(|| graph.inputs(inputs)))
}

fn unknown(scope: &Scope<'_>, name: &str) -> String {
    let needs = super::quantity::QUANTITIES.iter().find(|quantity| quantity.name == name);
    if let Some(quantity) = needs {
        let example = quantity.of[0].as_str();
        return format!("`{name}` needs a selector, as in `{name}({example}:NAME)`");
    }
    if super::ast::FUNCTIONS.iter().any(|(function, _)| *function == name) {
        return format!("`{name}` is a function: it needs arguments, as in `{name}(...)`");
    }
    let known = PLAIN.into_iter().chain(scope.constants.keys().map(String::as_str));
    let known = known.chain(super::quantity::QUANTITIES.iter().map(|quantity| quantity.name));
    format!("there is no value `{name}`{}", hint(name, known))
}
