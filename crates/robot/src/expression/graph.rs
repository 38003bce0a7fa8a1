//! What is to be computed, every distinct part once.

use std::collections::HashMap;

use super::kernel::{Op, apply};
use crate::input::Input;

/// A part of a [`Graph`]: a list of numbers for every lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Part(pub(super) usize);

/// How a part is made of others, which come before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// The same numbers for all lanes, by their bits.
    Constant(Vec<u64>),
    Inputs(Vec<Input>),
    /// Number by number; a part of one number goes with any.
    Each(Op, Vec<Part>),
    /// All numbers into one, from the first on.
    Reduce(Op, Part),
    Join(Vec<Part>),
    /// So many numbers from one on.
    Slice(Part, usize, usize),
}

/// Parts, and how long each is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(super) nodes: Vec<(Node, usize)>,
    known: HashMap<Node, Part>,
}

impl Graph {
    fn add(&mut self, node: Node, width: usize) -> Part {
        if let Some(part) = self.known.get(&node) {
            return *part;
        }
        let part = Part(self.nodes.len());
        self.known.insert(node.clone(), part);
        self.nodes.push((node, width));
        part
    }

    /// How many numbers it has.
    pub(crate) fn width(&self, part: Part) -> usize {
        self.nodes[part.0].1
    }

    pub(super) fn constants(&self, part: Part) -> Option<Vec<f64>> {
        match &self.nodes[part.0].0 {
            Node::Constant(bits) => Some(bits.iter().map(|bits| f64::from_bits(*bits)).collect()),
            _ => None,
        }
    }

    pub(crate) fn constant(&mut self, numbers: &[f64]) -> Part {
        self.add(Node::Constant(numbers.iter().map(|number| number.to_bits()).collect()), numbers.len())
    }

    pub(crate) fn inputs(&mut self, inputs: Vec<Input>) -> Part {
        let width = inputs.len();
        self.add(Node::Inputs(inputs), width)
    }

    /// An operation of parts that are equally long, or of one number. Of constants alone it is done at once, by the same
    /// function, so that the bits are the same.
    pub(crate) fn each(&mut self, op: Op, parts: &[Part]) -> Part {
        let width = parts.iter().map(|part| self.width(*part)).max().unwrap_or(0);
        let constants: Option<Vec<Vec<f64>>> = parts.iter().map(|part| self.constants(*part)).collect();
        if let Some(constants) = constants {
            let at = |i: usize, k: usize| match constants.get(k) {
                Some(numbers) if numbers.len() == 1 => numbers[0],
                Some(numbers) => numbers[i],
                None => 0.0,
            };
            let folded: Vec<f64> = (0..width).map(|i| apply(op, at(i, 0), at(i, 1), at(i, 2))).collect();
            return self.constant(&folded);
        }
        self.add(Node::Each(op, parts.to_vec()), width)
    }

    /// All numbers into one, from the first on.
    pub(crate) fn reduce(&mut self, op: Op, part: Part) -> Part {
        if self.width(part) == 1 {
            return part;
        }
        if let Some(numbers) = self.constants(part) {
            let (first, others) = (numbers[0], &numbers[1..]);
            let folded = others.iter().fold(first, |result, number| apply(op, result, *number, 0.0));
            return self.constant(&[folded]);
        }
        self.add(Node::Reduce(op, part), 1)
    }

    pub(crate) fn join(&mut self, parts: &[Part]) -> Part {
        if let [part] = parts {
            return *part;
        }
        let constants: Option<Vec<Vec<f64>>> = parts.iter().map(|part| self.constants(*part)).collect();
        if let Some(constants) = constants {
            return self.constant(&constants.concat());
        }
        let width = parts.iter().map(|part| self.width(*part)).sum();
        self.add(Node::Join(parts.to_vec()), width)
    }

    /// The `count` numbers from `first` on, which the part has.
    pub(crate) fn slice(&mut self, part: Part, first: usize, count: usize) -> Part {
        if first == 0 && count == self.width(part) {
            return part;
        }
        match &self.nodes[part.0].0 {
            Node::Constant(bits) => {
                let bits = bits[first..first + count].to_vec();
                self.add(Node::Constant(bits), count)
            }
            Node::Inputs(inputs) => {
                let inputs = inputs[first..first + count].to_vec();
                self.inputs(inputs)
            }
            _ => self.add(Node::Slice(part, first, count), count),
        }
    }
}
