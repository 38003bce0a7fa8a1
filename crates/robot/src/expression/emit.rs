//! From what is to be computed to instructions.

use thiserror::Error;

use super::graph::{Graph, Node, Part};
use super::program::{Code, Instruction, Operand, Program};
use crate::input::Input;

/// Most rows of a program.
const LARGEST: usize = 1 << 20;

/// A program would need more rows than anything sensible.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("all expressions together have {rows} numbers, and a task at most {LARGEST}")]
pub struct ProgramTooLarge {
    /// How many.
    pub rows: usize,
}

struct Emitter {
    inputs: Vec<Input>,
    code: Vec<Instruction>,
    rows: usize,
    constants: Vec<(usize, f64)>,
    /// Where the numbers of each part stand.
    places: Vec<Vec<usize>>,
}

/// The program that computes parts, one after the other.
pub(super) fn program(graph: &Graph, results: &[Part]) -> Result<Program, ProgramTooLarge> {
    let needed = needed(graph, results);
    let kept = || graph.nodes.iter().zip(&needed).filter(|(_, needed)| **needed).map(|(node, _)| node);
    let rows = kept().map(|(_, width)| 2 * width).sum::<usize>()
        + results.iter().map(|part| graph.width(*part)).sum::<usize>();
    if rows > LARGEST {
        return Err(ProgramTooLarge { rows });
    }
    // In increasing order neighbours of the model become neighbours here, and most lists one piece.
    let mut inputs: Vec<Input> = kept()
        .filter_map(|(node, _)| match node {
            Node::Inputs(inputs) => Some(inputs.iter().copied()),
            _ => None,
        })
        .flatten()
        .collect();
    inputs.sort_unstable();
    inputs.dedup();
    let mut emitter = Emitter {
        rows: inputs.len(),
        inputs,
        code: Vec::new(),
        constants: Vec::new(),
        places: vec![Vec::new(); graph.nodes.len()],
    };
    for (i, (node, width)) in graph.nodes.iter().enumerate() {
        if needed[i] {
            emitter.places[i] = emitter.node(node, *width);
        }
    }
    let results = results.iter().flat_map(|part| emitter.places[part.0].iter().copied()).collect();
    let Emitter { inputs, code, rows, constants, .. } = emitter;
    Ok(Program { inputs, code, rows, constants, results })
}

/// Which parts the results are made of.
fn needed(graph: &Graph, results: &[Part]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    for part in results {
        needed[part.0] = true;
    }
    // Parts come after what they are made of.
    for (i, (node, _)) in graph.nodes.iter().enumerate().rev() {
        if !needed[i] {
            continue;
        }
        match node {
            Node::Constant(_) | Node::Inputs(_) => {}
            Node::Each(_, parts) | Node::Join(parts) => parts.iter().for_each(|part| needed[part.0] = true),
            Node::Reduce(_, part) | Node::Slice(part, ..) => needed[part.0] = true,
        }
    }
    needed
}

impl Emitter {
    /// New rows of the scratch: the first.
    fn allocate(&mut self, count: usize) -> usize {
        let first = self.rows;
        self.rows += count;
        first
    }

    fn push(&mut self, code: Code, rows: usize) -> Vec<usize> {
        let first = self.allocate(rows);
        self.code.push(Instruction { code, first, rows });
        (first..first + rows).collect()
    }

    /// The first row of a part whose rows lie side by side, if need be after they were brought there.
    fn together(&mut self, part: Part) -> usize {
        let places = &self.places[part.0];
        let first = places[0];
        let side_by_side = places.iter().enumerate().all(|(i, place)| *place == first + i);
        if side_by_side {
            return first;
        }
        let places = self.push(Code::Gather(places.clone()), places.len());
        self.places[part.0] = places;
        self.places[part.0][0]
    }

    fn node(&mut self, node: &Node, width: usize) -> Vec<usize> {
        match node {
            Node::Constant(bits) => {
                let first = self.allocate(width);
                let numbers = bits.iter().enumerate().map(|(i, bits)| (first + i, f64::from_bits(*bits)));
                self.constants.extend(numbers);
                (first..first + width).collect()
            }
            Node::Inputs(inputs) => {
                // Each is there: the list was made of them.
                let place = |input| self.inputs.binary_search(input).unwrap_or_default();
                inputs.iter().map(place).collect()
            }
            Node::Each(op, parts) => {
                let operands: Vec<Operand> = parts
                    .iter()
                    .map(|part| {
                        let row = self.together(*part);
                        Operand { row, repeats: width > 1 && self.places[part.0].len() == 1 }
                    })
                    .collect();
                let code = match operands[..] {
                    [a] => Code::One(*op, a.row),
                    [a, b] => Code::Two(*op, [a, b]),
                    [a, b, c] => Code::Three(*op, [a, b, c]),
                    _ => unreachable!("operations have one to three operands"),
                };
                self.push(code, width)
            }
            Node::Reduce(op, part) => {
                let row = self.together(*part);
                self.push(Code::Reduce(*op, row, self.places[part.0].len()), 1)
            }
            Node::Join(parts) => parts.iter().flat_map(|part| self.places[part.0].iter().copied()).collect(),
            Node::Slice(part, first, count) => self.places[part.0][*first..first + count].to_vec(),
        }
    }
}
