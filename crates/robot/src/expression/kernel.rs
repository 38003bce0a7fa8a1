//! The operations on numbers, one by one and over rows.

/// An operation of a number, two or three. True is 1 and false 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Negate,
    Not,
    Abs,
    Sign,
    Square,
    Sqrt,
    Exp,
    Log,
    Tanh,
    Sin,
    Cos,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Atan2,
    /// The smaller one; not a number where one of them is none.
    Min,
    Max,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    /// The first, not below the second, and then not above the third.
    Clamp,
    /// Where the first holds the second, elsewhere the third.
    Where,
}

impl Op {
    /// How many numbers it takes.
    pub(crate) fn arity(self) -> usize {
        match self {
            Self::Negate | Self::Not | Self::Abs | Self::Sign | Self::Square | Self::Sqrt => 1,
            Self::Exp | Self::Log | Self::Tanh | Self::Sin | Self::Cos => 1,
            Self::Clamp | Self::Where => 3,
            _ => 2,
        }
    }

    /// Whether it says true or false.
    pub(crate) fn decides(self) -> bool {
        matches!(self, Self::Not | Self::And | Self::Or) || self.compares()
    }

    fn compares(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual | Self::Equal | Self::NotEqual
        )
    }
}

fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn smaller(x: f64, y: f64) -> f64 {
    // What is not a number is not hidden, as `f64::min` would.
    if x < y || x.is_nan() { x } else { y }
}

fn larger(x: f64, y: f64) -> f64 {
    if x > y || x.is_nan() { x } else { y }
}

/// The result of an operation; what its arity does not count is ignored.
#[inline(always)]
pub(crate) fn apply(op: Op, x: f64, y: f64, z: f64) -> f64 {
    match op {
        Op::Negate => -x,
        Op::Not => 1.0 - x,
        Op::Abs => x.abs(),
        Op::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Op::Square => x * x,
        Op::Sqrt => x.sqrt(),
        Op::Exp => x.exp(),
        Op::Log => x.ln(),
        Op::Tanh => x.tanh(),
        Op::Sin => x.sin(),
        Op::Cos => x.cos(),
        Op::Add => x + y,
        Op::Subtract => x - y,
        Op::Multiply => x * y,
        Op::Divide => x / y,
        Op::Power => x.powf(y),
        Op::Atan2 => x.atan2(y),
        Op::Min => smaller(x, y),
        Op::Max => larger(x, y),
        Op::Less => truth(x < y),
        Op::LessEqual => truth(x <= y),
        Op::Greater => truth(x > y),
        Op::GreaterEqual => truth(x >= y),
        Op::Equal => truth(x == y),
        Op::NotEqual => truth(x != y),
        Op::And => x * y,
        Op::Or => larger(x, y),
        Op::Clamp => smaller(larger(x, y), z),
        Op::Where => {
            if x != 0.0 {
                y
            } else {
                z
            }
        }
    }
}

/// Calls `$body` with the operation as a constant, so that a loop over rows is compiled for each.
macro_rules! with_op {
    ($op:expr, $f:ident => $body:expr, [$($name:ident)*]) => {
        match $op {
            $(Op::$name => {
                let $f = |x: f64, y: f64, z: f64| apply(Op::$name, x, y, z);
                $body
            })*
            _ => unreachable!("every operation is listed under its arity"),
        }
    };
}

/// Rows that an operation reads: `n` of them, or one for all, in blocks of `N` lanes.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, const N: usize> {
    pub(crate) numbers: &'a [[f64; N]],
    /// One row stands for all.
    pub(crate) repeats: bool,
}

/// Writes an operation of rows into `out`.
#[inline(always)]
pub(crate) fn unary<const N: usize>(op: Op, out: &mut [[f64; N]], of: &[[f64; N]]) {
    with_op!(op, f => {
        for (out, x) in out.iter_mut().zip(of) {
            *out = std::array::from_fn(|lane| f(x[lane], 0.0, 0.0));
        }
    }, [Negate Not Abs Sign Square Sqrt Exp Log Tanh Sin Cos]);
}

/// Writes an operation of two rows of so many blocks into `out`, row by row.
#[inline(always)]
pub(crate) fn binary<const N: usize>(
    op: Op,
    out: &mut [[f64; N]],
    a: Rows<'_, N>,
    b: Rows<'_, N>,
    blocks: usize,
) {
    with_op!(op, f => {
        let row = |out: &mut [[f64; N]], a: &[[f64; N]], b: &[[f64; N]]| {
            for ((out, x), y) in out.iter_mut().zip(a).zip(b) {
                *out = std::array::from_fn(|lane| f(x[lane], y[lane], 0.0));
            }
        };
        if !a.repeats && !b.repeats {
            row(out, a.numbers, b.numbers);
        } else if a.repeats {
            let rows = out.chunks_exact_mut(blocks).zip(b.numbers.chunks_exact(blocks));
            rows.for_each(|(out, b)| row(out, a.numbers, b));
        } else {
            let rows = out.chunks_exact_mut(blocks).zip(a.numbers.chunks_exact(blocks));
            rows.for_each(|(out, a)| row(out, a, b.numbers));
        }
    }, [
        Add Subtract Multiply Divide Power Atan2 Min Max Less LessEqual Greater GreaterEqual Equal NotEqual And Or
    ]);
}

/// The same of three.
#[inline(always)]
pub(crate) fn ternary<const N: usize>(
    op: Op,
    out: &mut [[f64; N]],
    operands: [Rows<'_, N>; 3],
    blocks: usize,
) {
    with_op!(op, f => {
        for (i, out) in out.chunks_exact_mut(blocks).enumerate() {
            let [a, b, c] = operands.map(|rows| {
                let row = if rows.repeats { 0 } else { i };
                &rows.numbers[row * blocks..(row + 1) * blocks]
            });
            for (((out, x), y), z) in out.iter_mut().zip(a).zip(b).zip(c) {
                *out = std::array::from_fn(|lane| f(x[lane], y[lane], z[lane]));
            }
        }
    }, [Clamp Where]);
}

/// Writes all rows of `of` into the one row `out`: the first, then the others one by one.
#[inline(always)]
pub(crate) fn reduce<const N: usize>(op: Op, out: &mut [[f64; N]], of: &[[f64; N]], blocks: usize) {
    let (first, others) = of.split_at(blocks);
    out.iter_mut().zip(first).for_each(|(out, first)| *out = *first);
    with_op!(op, f => {
        for row in others.chunks_exact(blocks) {
            for (out, x) in out.iter_mut().zip(row) {
                *out = std::array::from_fn(|lane| f(out[lane], x[lane], 0.0));
            }
        }
    }, [Add Min Max And Or]);
}
