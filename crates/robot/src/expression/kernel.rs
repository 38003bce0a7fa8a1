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

/// Rows that an operation reads: `n` of them, or one for all.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) numbers: &'a [f64],
    /// One row stands for all.
    pub(crate) repeats: bool,
}

/// Writes an operation of rows of `lanes` numbers into `out`, row by row.
pub(crate) fn each(op: Op, out: &mut [f64], operands: [Rows<'_>; 3], lanes: usize) {
    let [a, b, c] = operands;
    match op.arity() {
        1 => with_op!(op, f => {
            for (out, &x) in out.iter_mut().zip(a.numbers) {
                *out = f(x, 0.0, 0.0);
            }
        }, [Negate Not Abs Sign Square Sqrt Exp Log Tanh Sin Cos]),
        2 => with_op!(op, f => binary(out, a, b, lanes, |x, y| f(x, y, 0.0)), [
            Add Subtract Multiply Divide Power Atan2 Min Max Less LessEqual Greater GreaterEqual Equal NotEqual And Or
        ]),
        _ => with_op!(op, f => {
            for (i, out) in out.chunks_exact_mut(lanes).enumerate() {
                let [a, b, c] = [a, b, c].map(|rows| {
                    let row = if rows.repeats { 0 } else { i };
                    &rows.numbers[row * lanes..(row + 1) * lanes]
                });
                for (((out, &x), &y), &z) in out.iter_mut().zip(a).zip(b).zip(c) {
                    *out = f(x, y, z);
                }
            }
        }, [Clamp Where]),
    }
}

#[inline(always)]
fn binary(out: &mut [f64], a: Rows<'_>, b: Rows<'_>, lanes: usize, f: impl Fn(f64, f64) -> f64) {
    if !a.repeats && !b.repeats {
        for ((out, &x), &y) in out.iter_mut().zip(a.numbers).zip(b.numbers) {
            *out = f(x, y);
        }
    } else if a.repeats {
        let rows = out.chunks_exact_mut(lanes).zip(b.numbers.chunks_exact(lanes));
        for (out, b) in rows {
            for ((out, &x), &y) in out.iter_mut().zip(a.numbers).zip(b) {
                *out = f(x, y);
            }
        }
    } else {
        let rows = out.chunks_exact_mut(lanes).zip(a.numbers.chunks_exact(lanes));
        for (out, a) in rows {
            for ((out, &x), &y) in out.iter_mut().zip(a).zip(b.numbers) {
                *out = f(x, y);
            }
        }
    }
}

/// Writes all rows of `of` into the one row `out`: the first, then the others one by one.
pub(crate) fn reduce(op: Op, out: &mut [f64], of: &[f64], lanes: usize) {
    let (first, others) = of.split_at(lanes);
    out.copy_from_slice(first);
    with_op!(op, f => {
        for row in others.chunks_exact(lanes) {
            for (out, &x) in out.iter_mut().zip(row) {
                *out = f(*out, x, 0.0);
            }
        }
    }, [Add Min Max And Or]);
}
