//! An expression as it is written.

use std::ops::Range;

use super::kernel::Op;
use super::lexer::Raw;
use super::quantity::Quantity;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    /// How deep its parts are nested, which bounds every recursion over it.
    pub(super) depth: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Number(f64),
    /// A name without parentheses.
    Name(String),
    /// A quantity of selected elements.
    Selected(&'static Quantity, Vec<Raw>),
    Call(Function, Vec<Expr>),
    Negate(Box<Expr>),
    Not(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    /// `a < b <= c`: one expression more than signs.
    Comparison(Vec<Expr>, Vec<Op>),
    List(Vec<Expr>),
    Slice(Box<Expr>, Slice),
}

/// Which numbers of a list; negative ones count from its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slice {
    One(i64),
    Range(Option<i64>, Option<i64>),
    /// x, y or z of a vector in space.
    Axis(usize),
}

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Number by number.
    Each(Op),
    /// `min` or `max`: of a list, or number by number of several.
    Extreme(Op),
    /// All numbers of a list into one, from the first on.
    Reduce(Op),
    /// `any` or `all`: the same of true and false.
    Decide(Op),
    Mean,
    Norm,
    Dot,
    Where,
}

impl Function {
    /// Fewest and most arguments.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Each(op) => (op.arity(), op.arity()),
            Self::Extreme(_) => (1, 64),
            Self::Reduce(_) | Self::Decide(_) | Self::Mean | Self::Norm => (1, 1),
            Self::Dot => (2, 2),
            Self::Where => (3, 3),
        }
    }
}

/// The functions by name.
pub(super) const FUNCTIONS: [(&str, Function); 20] = [
    ("abs", Function::Each(Op::Abs)),
    ("all", Function::Decide(Op::And)),
    ("any", Function::Decide(Op::Or)),
    ("atan2", Function::Each(Op::Atan2)),
    ("clamp", Function::Each(Op::Clamp)),
    ("cos", Function::Each(Op::Cos)),
    ("dot", Function::Dot),
    ("exp", Function::Each(Op::Exp)),
    ("log", Function::Each(Op::Log)),
    ("max", Function::Extreme(Op::Max)),
    ("mean", Function::Mean),
    ("min", Function::Extreme(Op::Min)),
    ("norm", Function::Norm),
    ("sign", Function::Each(Op::Sign)),
    ("sin", Function::Each(Op::Sin)),
    ("sq", Function::Each(Op::Square)),
    ("sqrt", Function::Each(Op::Sqrt)),
    ("sum", Function::Reduce(Op::Add)),
    ("tanh", Function::Each(Op::Tanh)),
    ("where", Function::Where),
];
