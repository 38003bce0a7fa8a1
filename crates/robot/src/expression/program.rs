//! Straight-line programs over lanes.

use super::kernel::{Op, Rows, each, reduce};
use crate::input::Input;

/// Where an operand stands: a row of the inputs, or after them one of the scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) row: usize,
    /// One row goes with all rows of the result.
    pub(super) repeats: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Each(Op, [Operand; 3]),
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
    /// Rows of the scratch.
    pub(super) rows: usize,
    /// Rows of the scratch that never change, and their numbers.
    pub(super) constants: Vec<(usize, f64)>,
    /// The row of each result: of the inputs, or after them of the scratch.
    pub(super) results: Vec<usize>,
}

/// The memory that a [`Program`] works in, for one number of lanes.
#[derive(Clone, Debug)]
pub struct Scratch {
    numbers: Vec<f64>,
    lanes: usize,
}

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
        Scratch { numbers, lanes }
    }

    /// Computes all results: `inputs` is `[inputs, lanes]`, `out` `[outputs, lanes]`, both row-major. Allocates nothing.
    ///
    /// # Panics
    /// If a slice has not this length, or the scratch is of another program.
    pub fn run(&self, inputs: &[f64], scratch: &mut Scratch, out: &mut [f64]) {
        self.compute(inputs, scratch);
        let lanes = scratch.lanes;
        assert_eq!(out.len(), self.results.len() * lanes, "one row a result, of one number a lane");
        for (i, out) in out.chunks_exact_mut(lanes.max(1)).enumerate() {
            out.copy_from_slice(self.result(i, inputs, scratch));
        }
    }

    /// Computes all results, which stay where they are; see [`Program::result`].
    pub(crate) fn compute(&self, inputs: &[f64], scratch: &mut Scratch) {
        let lanes = scratch.lanes;
        assert_eq!(inputs.len(), self.inputs.len() * lanes, "one row an input, of one number a lane");
        assert_eq!(scratch.numbers.len(), self.rows * lanes, "the scratch of this program");
        if lanes == 0 {
            return;
        }
        for instruction in &self.code {
            let (read, write) = scratch.numbers.split_at_mut(instruction.first * lanes);
            let read = &*read;
            let out = &mut write[..instruction.rows * lanes];
            let rows = |row: usize, count: usize| match row.checked_sub(self.inputs.len()) {
                None => &inputs[row * lanes..(row + count) * lanes],
                Some(row) => &read[row * lanes..(row + count) * lanes],
            };
            match &instruction.code {
                Code::Each(op, operands) => {
                    let operand = |operand: &Operand| Rows {
                        numbers: rows(operand.row, if operand.repeats { 1 } else { instruction.rows }),
                        repeats: operand.repeats,
                    };
                    let [a, b, c] = operands;
                    each(*op, out, [operand(a), operand(b), operand(c)], lanes);
                }
                Code::Reduce(op, row, count) => reduce(*op, out, rows(*row, *count), lanes),
                Code::Gather(from) => {
                    for (out, row) in out.chunks_exact_mut(lanes).zip(from) {
                        out.copy_from_slice(rows(*row, 1));
                    }
                }
            }
        }
    }

    /// One lane's number of a result after [`Program::compute`].
    #[inline]
    pub(crate) fn number(&self, i: usize, lane: usize, inputs: &[f64], scratch: &Scratch) -> f64 {
        let row = self.results[i];
        match row.checked_sub(self.inputs.len()) {
            None => inputs[row * scratch.lanes + lane],
            Some(row) => scratch.numbers[row * scratch.lanes + lane],
        }
    }

    /// A result after [`Program::compute`], one number a lane.
    pub(crate) fn result<'a>(&self, i: usize, inputs: &'a [f64], scratch: &'a Scratch) -> &'a [f64] {
        let lanes = scratch.lanes;
        let row = self.results[i];
        match row.checked_sub(self.inputs.len()) {
            None => &inputs[row * lanes..(row + 1) * lanes],
            Some(row) => &scratch.numbers[row * lanes..(row + 1) * lanes],
        }
    }
}
