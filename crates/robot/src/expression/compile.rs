//! From the parts of a text to what is computed, with the types and lengths checked.

use std::ops::Range;

use super::ast::{Expr, Function, Kind, Slice};
use super::emit;
use super::error::{ExpressionError, Refusal};
use super::graph::{Graph, Part};
use super::kernel::Op;
use super::parser::parse;
use super::program::Program;
use super::resolve;
use super::scope::Scope;

/// Most numbers of a value.
const WIDEST: usize = 1 << 16;

/// An expression that was understood: what it computes, and whether that is true or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    pub(crate) part: Part,
    width: usize,
    boolean: bool,
}

impl Value {
    /// How many numbers it has; a single number has 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether it is true or false, as 1 or 0.
    pub fn is_boolean(&self) -> bool {
        self.boolean
    }
}

/// Reads expressions about one model, to be computed together: what several have in common is computed once.
#[derive(Clone, Debug)]
pub struct Compiler<'a> {
    scope: Scope<'a>,
    pub(crate) graph: Graph,
    terminated: Option<Value>,
}

impl<'a> Compiler<'a> {
    /// A compiler without expressions.
    pub fn new(scope: Scope<'a>) -> Self {
        Self { scope, graph: Graph::default(), terminated: None }
    }

    /// Reads an expression.
    ///
    /// # Errors
    /// [`ExpressionError`], with line, column and what would be right.
    pub fn value(&mut self, text: &str) -> Result<Value, ExpressionError> {
        parse(text).and_then(|expr| self.expr(&expr)).map_err(|refusal| refusal.within(text))
    }

    /// What `terminated` means in the expressions that follow: a value that is true or false.
    pub(crate) fn define_terminated(&mut self, value: Value) {
        self.terminated = Some(value);
    }

    pub(crate) fn of(&self, part: Part, boolean: bool) -> Value {
        Value { part, width: self.graph.width(part), boolean }
    }

    /// The program that computes values, one after the other.
    ///
    /// # Errors
    /// [`ProgramTooLarge`](super::ProgramTooLarge) if all numbers together are more than a million.
    pub fn program(&self, values: &[Value]) -> Result<Program, super::ProgramTooLarge> {
        let parts: Vec<Part> = values.iter().map(|value| value.part).collect();
        emit::program(&self.graph, &parts)
    }

    fn expr(&mut self, expr: &Expr) -> Result<Value, Refusal> {
        let value = match &expr.kind {
            Kind::Number(number) => {
                let part = self.graph.constant(&[*number]);
                self.of(part, false)
            }
            Kind::Name(name) => self.name(name, &expr.span)?,
            Kind::Selected(quantity, selectors) => {
                let part = resolve::selected(&mut self.graph, &self.scope, quantity, selectors)?;
                self.of(part, false)
            }
            Kind::Negate(of) => {
                let of = self.expr(of)?;
                self.each(Op::Negate, &[of], &expr.span)?
            }
            Kind::Not(of) => {
                let value = self.truth(of)?;
                self.each(Op::Not, &[value], &expr.span)?
            }
            Kind::Binary(op, a, b) => self.binary(*op, a, b, &expr.span)?,
            Kind::Comparison(parts, signs) => self.comparison(parts, signs, &expr.span)?,
            Kind::List(parts) => {
                let values = parts.iter().map(|part| self.expr(part)).collect::<Result<Vec<_>, _>>()?;
                let width: usize = values.iter().map(Value::width).sum();
                if width > WIDEST {
                    let message = format!("a list of {width} numbers is longer than {WIDEST}");
                    return Err(Refusal::new(&expr.span, message));
                }
                let boolean = values.iter().all(Value::is_boolean);
                let parts: Vec<Part> = values.iter().map(|value| value.part).collect();
                let part = self.graph.join(&parts);
                self.of(part, boolean)
            }
            Kind::Slice(of, slice) => {
                let of = self.expr(of)?;
                self.slice(of, *slice, &expr.span)?
            }
            Kind::Call(function, arguments) => self.call(*function, arguments, &expr.span)?,
        };
        Ok(value)
    }

    fn name(&mut self, name: &str, span: &Range<usize>) -> Result<Value, Refusal> {
        match name {
            "true" | "false" => {
                let part = self.graph.constant(&[if name == "true" { 1.0 } else { 0.0 }]);
                return Ok(self.of(part, true));
            }
            "terminated" => {
                let message = "`terminated` is known to rewards alone, after all `[[terminate]]`";
                return self.terminated.ok_or_else(|| Refusal::new(span, message));
            }
            _ => {}
        }
        let part = resolve::plain(&mut self.graph, &self.scope, name);
        match part.map_err(|message| Refusal::new(span, message))? {
            Some(part) => Ok(self.of(part, false)),
            None => Err(Refusal::new(span, format!("`{name}` has no numbers in this model"))),
        }
    }

    /// A part that has to be true or false.
    fn truth(&mut self, expr: &Expr) -> Result<Value, Refusal> {
        let value = self.expr(expr)?;
        if value.boolean {
            return Ok(value);
        }
        let message = "expected true or false, such as a comparison, and found a number";
        Err(Refusal::new(&expr.span, message))
    }

    /// An operation number by number.
    fn each(&mut self, op: Op, values: &[Value], span: &Range<usize>) -> Result<Value, Refusal> {
        let width = values.iter().map(Value::width).max().unwrap_or(1);
        if let Some(other) = values.iter().find(|value| value.width != 1 && value.width != width) {
            let (short, long) = (other.width, width);
            let message = format!("{short} numbers do not go with {long}: equally many do, or one");
            return Err(Refusal::new(span, message));
        }
        let parts: Vec<Part> = values.iter().map(|value| value.part).collect();
        let part = self.graph.each(op, &parts);
        Ok(self.of(part, op.decides()))
    }

    fn binary(&mut self, op: Op, a: &Expr, b: &Expr, span: &Range<usize>) -> Result<Value, Refusal> {
        if matches!(op, Op::And | Op::Or) {
            let values = [self.truth(a)?, self.truth(b)?];
            return self.each(op, &values, span);
        }
        let alike = if matches!(op, Op::Add | Op::Subtract) { beside_home(a, b) } else { None };
        let values = match alike {
            Some((a, b)) => [self.expr(&a)?, self.expr(&b)?],
            None => [self.expr(a)?, self.expr(b)?],
        };
        // A square is a product to the bit, and faster than a power.
        if op == Op::Power && self.graph.constants(values[1].part) == Some(vec![2.0]) {
            return self.each(Op::Square, &values[..1], span);
        }
        self.each(op, &values, span)
    }

    fn comparison(&mut self, parts: &[Expr], signs: &[Op], span: &Range<usize>) -> Result<Value, Refusal> {
        let values = parts.iter().map(|part| self.expr(part)).collect::<Result<Vec<_>, _>>()?;
        let mut all: Option<Value> = None;
        for (pair, sign) in values.windows(2).zip(signs) {
            let holds = self.each(*sign, pair, span)?;
            all = Some(match all {
                Some(all) => self.each(Op::And, &[all, holds], span)?,
                None => holds,
            });
        }
        all.ok_or_else(|| Refusal::new(span, "expected a comparison"))
    }

    fn slice(&mut self, of: Value, slice: Slice, span: &Range<usize>) -> Result<Value, Refusal> {
        let width = of.width as i64;
        let from_end = |index: i64| if index < 0 { index + width } else { index };
        let (first, end) = match slice {
            Slice::Axis(axis) if of.width == 3 => (axis as i64, axis as i64 + 1),
            Slice::Axis(_) => {
                let message = format!("only a vector of 3 numbers has x, y and z, and this one has {width}");
                return Err(Refusal::new(span, message));
            }
            Slice::One(index) => (from_end(index), from_end(index) + 1),
            Slice::Range(first, end) => (from_end(first.unwrap_or(0)), from_end(end.unwrap_or(width))),
        };
        if first < 0 || end > width || first >= end {
            let message = match slice {
                Slice::One(index) => format!("there is no number {index} among {width}: the first is 0"),
                _ => format!("no numbers of {width} lie in this range"),
            };
            return Err(Refusal::new(span, message));
        }
        let part = self.graph.slice(of.part, first as usize, (end - first) as usize);
        Ok(self.of(part, of.boolean))
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Expr],
        span: &Range<usize>,
    ) -> Result<Value, Refusal> {
        let values = arguments.iter().enumerate().map(|(i, argument)| match function {
            Function::Decide(_) => self.truth(argument),
            Function::Where if i == 0 => self.truth(argument),
            _ => self.expr(argument),
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let first = values[0];
        Ok(match function {
            Function::Each(op) => self.each(op, &values, span)?,
            Function::Where => {
                let chosen = self.each(Op::Where, &values, span)?;
                self.of(chosen.part, values[1].boolean && values[2].boolean)
            }
            Function::Extreme(op) if values.len() > 1 => {
                let mut extreme = first;
                for value in &values[1..] {
                    extreme = self.each(op, &[extreme, *value], span)?;
                }
                extreme
            }
            Function::Extreme(op) | Function::Reduce(op) | Function::Decide(op) => {
                let part = self.graph.reduce(op, first.part);
                self.of(part, matches!(function, Function::Decide(_)))
            }
            Function::Mean => {
                let sum = self.graph.reduce(Op::Add, first.part);
                let count = self.graph.constant(&[first.width as f64]);
                let part = self.graph.each(Op::Divide, &[sum, count]);
                self.of(part, false)
            }
            Function::Norm => {
                let squares = self.graph.each(Op::Square, &[first.part]);
                let sum = self.graph.reduce(Op::Add, squares);
                let part = self.graph.each(Op::Sqrt, &[sum]);
                self.of(part, false)
            }
            Function::Dot => {
                let [a, b] = [values[0], values[1]];
                if a.width != b.width {
                    let message =
                        format!("`dot` of {} and {} numbers: equally many go together", a.width, b.width);
                    return Err(Refusal::new(span, message));
                }
                let products = self.each(Op::Multiply, &values, span)?;
                let part = self.graph.reduce(Op::Add, products.part);
                self.of(part, false)
            }
        })
    }
}

/// `home` alone beside `qpos(...)` or a part of `qpos` is the same joints' or the same part of `home`.
fn beside_home(a: &Expr, b: &Expr) -> Option<(Expr, Expr)> {
    let is_home = |expr: &Expr| matches!(&expr.kind, Kind::Name(name) if name == "home");
    match (is_home(a), is_home(b)) {
        (false, true) => Some((a.clone(), home_like(a, &b.span)?)),
        (true, false) => Some((home_like(b, &a.span)?, b.clone())),
        _ => None,
    }
}

/// `home` in the shape of a selection of `qpos`.
fn home_like(of: &Expr, span: &Range<usize>) -> Option<Expr> {
    let kind = match &of.kind {
        Kind::Selected(quantity, selectors) if quantity.name == "qpos" => {
            let home = super::quantity::QUANTITIES.iter().find(|quantity| quantity.name == "home")?;
            Kind::Selected(home, selectors.clone())
        }
        Kind::Name(name) if name == "qpos" => Kind::Name("home".into()),
        Kind::Slice(of, slice) => Kind::Slice(Box::new(home_like(of, span)?), *slice),
        _ => return None,
    };
    // A mistake in the selectors is found in `qpos` first where that comes first; else it is shown at `home`.
    Some(Expr { kind, span: span.clone(), depth: of.depth })
}
