//! From a text to its parts.
//!
//! ```text
//! or         := and ("or" and)*
//! and        := not ("and" not)*
//! not        := "not" not | comparison
//! comparison := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)*
//! sum        := product (("+" | "-") product)*
//! product    := signed (("*" | "/") signed)*
//! signed     := "-" signed | power
//! power      := part ("^" signed)?
//! part       := atom ("." ("x" | "y" | "z") | "[" index "]")*
//! index      := integer | integer? ":" integer?
//! atom       := number | name | function "(" or ("," or)* ")" | quantity "(" selector ("," selector)* ")"
//!             | "sensor:" name | "(" or ")" | "[" or ("," or)* "]"
//! ```

use std::ops::Range;

use super::ast::{Expr, FUNCTIONS, Function, Kind, Slice};
use super::error::{Refusal, hint};
use super::kernel::Op;
use super::lexer::{Lexer, Raw, Token};
use super::quantity::{self, QUANTITIES};

/// Longest expression, in bytes: a hundred times what one would write.
const LONGEST: usize = 20_000;
/// Parentheses, signs and functions within each other at most.
const DEEPEST: usize = 100;
/// Operators in a row at most.
const MOST: usize = 1000;

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    span: Range<usize>,
    /// Parentheses, signs and functions that are open here.
    open: usize,
}

/// The parts of `text`.
pub(super) fn parse(text: &str) -> Result<Expr, Refusal> {
    if text.len() > LONGEST {
        let message = format!("an expression has at most {LONGEST} bytes, and this one {}", text.len());
        return Err(Refusal::new(&(0..text.len()), message));
    }
    let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, span: 0..0, open: 0 };
    parser.advance()?;
    let expr = parser.or()?;
    match parser.token {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

fn join(first: &Range<usize>, last: &Range<usize>) -> Range<usize> {
    first.start..last.end
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<(), Refusal> {
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    fn is(&self, sign: &str) -> bool {
        matches!(&self.token, Token::Sign(found) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Name(found) if found == word)
    }

    /// Steps over a sign, if it is the next one.
    fn take(&mut self, sign: &str) -> Result<bool, Refusal> {
        let is = self.is(sign);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    /// Steps over a sign that has to be there; where it stands.
    fn expect(&mut self, sign: &str) -> Result<Range<usize>, Refusal> {
        let span = self.span.clone();
        if self.take(sign)? { Ok(span) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, expected: &str) -> Refusal {
        let found = match &self.token {
            Token::Number(number) => format!("`{number}`"),
            Token::Name(name) => format!("`{name}`"),
            Token::Sensor(name) => format!("`sensor:{name}`"),
            Token::Sign("=") => "`=` (equal is `==`)".to_owned(),
            Token::Sign("!") => "`!` (write `not`)".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end".to_owned(),
        };
        Refusal::new(&self.span, format!("expected {expected}, found {found}"))
    }

    fn node(&self, kind: Kind, span: Range<usize>) -> Result<Expr, Refusal> {
        let below = match &kind {
            Kind::Number(_) | Kind::Name(_) | Kind::Selected(..) => 0,
            Kind::Negate(of) | Kind::Not(of) | Kind::Slice(of, _) => of.depth,
            Kind::Binary(_, a, b) => a.depth.max(b.depth),
            Kind::Call(_, parts) | Kind::List(parts) | Kind::Comparison(parts, _) => {
                parts.iter().map(|part| part.depth).max().unwrap_or(0)
            }
        };
        if below >= MOST {
            return Err(Refusal::new(&span, format!("more than {MOST} operations follow on each other")));
        }
        Ok(Expr { kind, span, depth: below + 1 })
    }

    /// Goes one level deeper, which what is open bounds.
    fn within<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if self.open >= DEEPEST {
            return Err(Refusal::new(&self.span, format!("parts are nested more than {DEEPEST} deep")));
        }
        self.open += 1;
        let parsed = parse(self);
        self.open -= 1;
        parsed
    }

    /// Operands between signs or words of one rank, from left to right.
    fn left(
        &mut self,
        operand: impl Fn(&mut Self) -> Result<Expr, Refusal>,
        sign: impl Fn(&Token) -> Option<Op>,
    ) -> Result<Expr, Refusal> {
        let mut left = operand(self)?;
        while let Some(op) = sign(&self.token) {
            self.advance()?;
            let right = operand(self)?;
            let span = join(&left.span, &right.span);
            left = self.node(Kind::Binary(op, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expr, Refusal> {
        let word = |token: &Token| matches!(token, Token::Name(name) if name == "or").then_some(Op::Or);
        self.left(Self::and, word)
    }

    fn and(&mut self) -> Result<Expr, Refusal> {
        let word = |token: &Token| matches!(token, Token::Name(name) if name == "and").then_some(Op::And);
        self.left(Self::not, word)
    }

    fn not(&mut self) -> Result<Expr, Refusal> {
        if !self.is_word("not") {
            return self.comparison();
        }
        let start = self.span.clone();
        self.advance()?;
        let of = self.within(Self::not)?;
        let span = join(&start, &of.span);
        self.node(Kind::Not(Box::new(of)), span)
    }

    fn comparison(&mut self) -> Result<Expr, Refusal> {
        let mut parts = vec![self.sum()?];
        let mut signs = Vec::new();
        while let Token::Sign(sign) = self.token {
            let op = match sign {
                "<" => Op::Less,
                "<=" => Op::LessEqual,
                ">" => Op::Greater,
                ">=" => Op::GreaterEqual,
                "==" => Op::Equal,
                "!=" => Op::NotEqual,
                _ => break,
            };
            self.advance()?;
            signs.push(op);
            parts.push(self.sum()?);
        }
        if signs.is_empty() {
            return Ok(parts.swap_remove(0));
        }
        let span = join(&parts[0].span, &parts[parts.len() - 1].span);
        self.node(Kind::Comparison(parts, signs), span)
    }

    fn sum(&mut self) -> Result<Expr, Refusal> {
        self.left(Self::product, |token| match token {
            Token::Sign("+") => Some(Op::Add),
            Token::Sign("-") => Some(Op::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expr, Refusal> {
        self.left(Self::signed, |token| match token {
            Token::Sign("*") => Some(Op::Multiply),
            Token::Sign("/") => Some(Op::Divide),
            _ => None,
        })
    }

    fn signed(&mut self) -> Result<Expr, Refusal> {
        let start = self.span.clone();
        if !self.take("-")? {
            return self.power();
        }
        let of = self.within(Self::signed)?;
        let span = join(&start, &of.span);
        self.node(Kind::Negate(Box::new(of)), span)
    }

    fn power(&mut self) -> Result<Expr, Refusal> {
        let base = self.part()?;
        if !self.take("^")? {
            return Ok(base);
        }
        let exponent = self.within(Self::signed)?;
        let span = join(&base.span, &exponent.span);
        self.node(Kind::Binary(Op::Power, Box::new(base), Box::new(exponent)), span)
    }

    fn part(&mut self) -> Result<Expr, Refusal> {
        let mut of = self.atom()?;
        loop {
            if self.take(".")? {
                let axis = match &self.token {
                    Token::Name(name) => ["x", "y", "z"].iter().position(|axis| axis == name),
                    _ => None,
                };
                let Some(axis) = axis else { return Err(self.unexpected("`x`, `y` or `z` after the point")) };
                let span = join(&of.span, &self.span);
                self.advance()?;
                of = self.node(Kind::Slice(Box::new(of), Slice::Axis(axis)), span)?;
            } else if self.take("[")? {
                let slice = self.slice()?;
                let close = self.expect("]")?;
                let span = join(&of.span, &close);
                of = self.node(Kind::Slice(Box::new(of), slice), span)?;
            } else {
                return Ok(of);
            }
        }
    }

    fn slice(&mut self) -> Result<Slice, Refusal> {
        let first = self.integer()?;
        if self.take(":")? {
            return Ok(Slice::Range(first, self.integer()?));
        }
        first.map(Slice::One).ok_or_else(|| self.unexpected("a whole number or `:`"))
    }

    fn integer(&mut self) -> Result<Option<i64>, Refusal> {
        let negative = self.take("-")?;
        match self.token {
            Token::Number(number) if number.fract() == 0.0 && number < 1e9 => {
                self.advance()?;
                Ok(Some(if negative { -(number as i64) } else { number as i64 }))
            }
            Token::Number(_) => Err(self.unexpected("a whole number")),
            _ if negative => Err(self.unexpected("a whole number")),
            _ => Ok(None),
        }
    }

    /// Expressions between commas, up to a closing sign; where that stands.
    fn several(&mut self, close: &str) -> Result<(Vec<Expr>, Range<usize>), Refusal> {
        let mut parts = vec![self.within(Self::or)?];
        while self.take(",")? {
            parts.push(self.within(Self::or)?);
        }
        let close = self.expect(close)?;
        Ok((parts, close))
    }

    fn atom(&mut self) -> Result<Expr, Refusal> {
        let span = self.span.clone();
        match self.token.clone() {
            Token::Number(number) => {
                self.advance()?;
                self.node(Kind::Number(number), span)
            }
            Token::Sensor(name) => {
                self.advance()?;
                let raw = Raw { text: name, span: span.clone() };
                self.node(Kind::Selected(&quantity::SENSOR, vec![raw]), span)
            }
            Token::Name(name) if ["or", "and", "not"].contains(&name.as_str()) => {
                Err(self.unexpected("a value"))
            }
            Token::Name(name) => {
                self.advance()?;
                if self.is("(") { self.call(&name, &span) } else { self.node(Kind::Name(name), span) }
            }
            Token::Sign("(") => {
                self.advance()?;
                let inner = self.within(Self::or)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                self.advance()?;
                let (parts, close) = self.several("]")?;
                self.node(Kind::List(parts), join(&span, &close))
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// What follows a name, from its parenthesis on.
    fn call(&mut self, name: &str, span: &Range<usize>) -> Result<Expr, Refusal> {
        if let Some(quantity) = QUANTITIES.iter().find(|quantity| quantity.name == name) {
            let selectors = self.lexer.selectors(self.span.end)?;
            let end = selectors.last().map_or(self.span.end, |last| last.span.end);
            self.advance()?;
            return self.node(Kind::Selected(quantity, selectors), span.start..end);
        }
        let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            let known = FUNCTIONS.iter().map(|(name, _)| *name);
            let known = known.chain(QUANTITIES.iter().map(|quantity| quantity.name));
            let message = format!("there is no function `{name}`{}", hint(name, known));
            return Err(Refusal::new(span, message));
        };
        self.advance()?;
        let (arguments, close) = self.several(")")?;
        let (fewest, most) = function.arity();
        let got = arguments.len();
        if !(fewest..=most).contains(&got) {
            let many = match (*function, fewest) {
                (Function::Extreme(_), _) => format!("at most {most} arguments"),
                (_, 1) => "one argument".to_owned(),
                _ => format!("{fewest} arguments"),
            };
            let message = format!("`{name}` takes {many}, and here are {got}");
            return Err(Refusal::new(&join(span, &close), message));
        }
        self.node(Kind::Call(*function, arguments), join(span, &close))
    }
}
