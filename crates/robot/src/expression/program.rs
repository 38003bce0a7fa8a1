//! Straight-line programs over lanes.

use super::kernel::{Op, Rows, binary, reduce, ternary, unary};
use crate::input::Input;

/// Where an operand stands: a row of the scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) row: usize,
    /// One row goes with all rows of the result.
    pub(super) repeats: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// An operation of one operand, of two, of three.
    One(Op, usize),
    Two(Op, [Operand; 2]),
    Three(Op, [Operand; 3]),
    /// So many rows into one.
    Reduce(Op, usize, usize),
    /// Rows from anywhere, side by side.
    Gather(Vec<usize>),
}

/// One instruction: what it does, and the rows of the scratch that it writes, which come after all that it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: Code,
    pub(super) first: usize,
    pub(super) rows: usize,
}

/// Expressions, compiled: instructions over rows of one number a lane, in a fixed order. What a lane gets does not depend on
/// the other lanes, to the bit.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub(super) inputs: Vec<Input>,
    pub(super) code: Vec<Instruction>,
    /// Rows of the scratch: the inputs, and all that is computed.
    pub(super) rows: usize,
    /// Rows of the scratch that never change, and their numbers.
    pub(super) constants: Vec<(usize, f64)>,
    /// The row of each result.
    pub(super) results: Vec<usize>,
}

/// The memory that a [`Program`] works in, for one number of lanes.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// `[rows, lanes]`, the inputs first.
    numbers: Vec<f64>,
    /// How many numbers the inputs are.
    inputs: usize,
    lanes: usize,
}

impl Scratch {
    /// The inputs, `[inputs, lanes]`, row-major.
    pub(crate) fn inputs_mut(&mut self) -> &mut [f64] {
        &mut self.numbers[..self.inputs]
    }
}

/// Lanes that are computed together where their number is a multiple of it: the length of a row is then known to the compiler.
const BLOCK: usize = 8;

impl Program {
    /// The numbers that it reads, each once, in increasing order.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// How many numbers it gives.
    pub fn outputs(&self) -> usize {
        self.results.len()
    }

    /// How many instructions it has.
    pub fn instructions(&self) -> usize {
        self.code.len()
    }

    /// Memory for `lanes` lanes.
    pub fn scratch(&self, lanes: usize) -> Scratch {
        let mut numbers = vec![0.0; self.rows * lanes];
        for (row, number) in &self.constants {
            numbers[row * lanes..(row + 1) * lanes].fill(*number);
        }
        Scratch { numbers, inputs: self.inputs.len() * lanes, lanes }
    }

    /// Computes all results: `inputs` is `[inputs, lanes]`, `out` `[outputs, lanes]`, both row-major. Allocates nothing.
    ///
    /// # Panics
    /// If a slice has not this length, or the scratch is of another program.
    pub fn run(&self, inputs: &[f64], scratch: &mut Scratch, out: &mut [f64]) {
        let lanes = scratch.lanes;
        assert_eq!(inputs.len(), self.inputs.len() * lanes, "one row an input, of one number a lane");
        assert_eq!(out.len(), self.results.len() * lanes, "one row a result, of one number a lane");
        scratch.inputs_mut().copy_from_slice(inputs);
        self.compute(scratch);
        for (out, row) in out.chunks_exact_mut(lanes.max(1)).zip(&self.results) {
            out.copy_from_slice(&scratch.numbers[row * lanes..(row + 1) * lanes]);
        }
    }

    /// Computes all results of the inputs in the scratch, where they stay; see [`Program::number`].
    pub(crate) fn compute(&self, scratch: &mut Scratch) {
        let lanes = scratch.lanes;
        assert_eq!(scratch.numbers.len(), self.rows * lanes, "the scratch of this program");
        match lanes {
            0 => {}
            BLOCK => self.blocks::<BLOCK>(&mut scratch.numbers, 1),
            _ if lanes.is_multiple_of(BLOCK) => self.blocks::<BLOCK>(&mut scratch.numbers, lanes / BLOCK),
            _ => self.blocks::<1>(&mut scratch.numbers, lanes),
        }
    }

    /// The same for rows of so many blocks.
    #[inline(always)]
    fn blocks<const N: usize>(&self, numbers: &mut [f64], blocks: usize) {
        let (numbers, _) = numbers.as_chunks_mut::<N>();
        for instruction in &self.code {
            let (read, write) = numbers.split_at_mut(instruction.first * blocks);
            let read = &*read;
            let out = &mut write[..instruction.rows * blocks];
            let rows = |row: usize, count: usize| &read[row * blocks..(row + count) * blocks];
            let operand = |operand: &Operand| Rows {
                numbers: rows(operand.row, if operand.repeats { 1 } else { instruction.rows }),
                repeats: operand.repeats,
            };
            match &instruction.code {
                Code::One(op, row) => unary(*op, out, rows(*row, instruction.rows)),
                Code::Two(op, [a, b]) => binary(*op, out, operand(a), operand(b), blocks),
                Code::Three(op, [a, b, c]) => {
                    ternary(*op, out, [operand(a), operand(b), operand(c)], blocks);
                }
                Code::Reduce(op, row, count) => reduce(*op, out, rows(*row, *count), blocks),
                Code::Gather(from) => {
                    for (out, row) in out.chunks_exact_mut(blocks).zip(from) {
                        out.copy_from_slice(rows(*row, 1));
                    }
                }
            }
        }
    }

    /// Writes for each lane 0 if the first so many results are finite, and else not a number, after [`Program::compute`].
    pub(crate) fn doubts(&self, results: usize, scratch: &Scratch, out: &mut [f64]) {
        let lanes = scratch.lanes;
        let results = &self.results[..results];
        if lanes.is_multiple_of(BLOCK) {
            doubts::<BLOCK>(results, &scratch.numbers, lanes / BLOCK, out);
        } else {
            doubts::<1>(results, &scratch.numbers, lanes, out);
        }
    }

    /// One lane's number of a result after [`Program::compute`].
    #[inline]
    pub(crate) fn number(&self, i: usize, lane: usize, scratch: &Scratch) -> f64 {
        scratch.numbers[self.results[i] * scratch.lanes + lane]
    }
}

/// 0 times what is finite adds nothing.
fn doubts<const N: usize>(results: &[usize], numbers: &[f64], blocks: usize, out: &mut [f64]) {
    let (numbers, _) = numbers.as_chunks::<N>();
    for (block, out) in out.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let mut doubt = [0.0; N];
        for row in results {
            let number = &numbers[row * blocks + block];
            for lane in 0..N {
                doubt[lane] += 0.0 * number[lane];
            }
        }
        *out = doubt;
    }
}
