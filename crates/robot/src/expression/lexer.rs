//! Words, numbers and signs of an expression.

use std::ops::Range;

use super::error::Refusal;

/// A word of the language.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name(String),
    /// `sensor:NAME`.
    Sensor(String),
    Sign(&'static str),
    End,
}

/// Longer signs first.
const SIGNS: [&str; 20] =
    ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", ".", ":", "=", "!"];

/// A selector between parentheses, as it was written.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// Reads a text from front to back.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The run of characters from here of which `is` holds.
    fn run(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let run = &rest[..rest.find(|c| !is(c)).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    /// The next word, and where it stands.
    pub(super) fn next(&mut self) -> Result<(Token, Range<usize>), Refusal> {
        self.run(char::is_whitespace);
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, start..start)) };
        let digit_after_point = first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        let token = if first.is_ascii_digit() || digit_after_point {
            Token::Number(self.number()?)
        } else if is_name(first) {
            let name = self.run(is_name);
            let sensor = self.rest().strip_prefix(':').filter(|rest| rest.starts_with(is_name));
            if name == "sensor" && sensor.is_some() {
                self.at += 1;
                Token::Sensor(self.run(is_name).to_owned())
            } else {
                Token::Name(name.to_owned())
            }
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            self.at += sign.len();
            Token::Sign(sign)
        } else {
            let message = format!("`{first}` means nothing in an expression");
            return Err(Refusal::new(&(start..start + first.len_utf8()), message));
        };
        Ok((token, start..self.at))
    }

    fn number(&mut self) -> Result<f64, Refusal> {
        let start = self.at;
        let digit = |c: char| c.is_ascii_digit();
        self.run(digit);
        // `1.` is a number; the point of `1.x` belongs to what follows.
        let letter_after = |rest: &str| rest[1..].starts_with(|c: char| c.is_ascii_alphabetic());
        if self.rest().starts_with('.') && !letter_after(self.rest()) {
            self.at += 1;
            self.run(digit);
        }
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            self.at += usize::from(self.rest().starts_with(['+', '-']));
            self.run(digit);
        }
        // What hangs on to it, as in `2x`, is no number either.
        self.run(is_name);
        let written = &self.text[start..self.at];
        match written.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(Refusal::new(&(start..self.at), format!("`{written}` is no finite number"))),
        }
    }

    /// What stands from `open`, the byte after a parenthesis, to the parenthesis that closes it: selectors between commas. A
    /// selector with a comma or a parenthesis in it is put in single quotes.
    pub(super) fn selectors(&mut self, open: usize) -> Result<Vec<Raw>, Refusal> {
        self.at = open;
        let mut found = Vec::new();
        loop {
            self.run(char::is_whitespace);
            let quoted = self.rest().starts_with('\'');
            self.at += usize::from(quoted);
            let start = self.at;
            let text = self.run(|c| if quoted { c != '\'' } else { c != ',' && c != ')' && c != '(' });
            let text = if quoted { text } else { text.trim_end() };
            let span = start..start + text.len();
            if text.is_empty() {
                let message = "expected a selector, such as `joint:*_knee` or `body:base`";
                return Err(Refusal::new(&span, message));
            }
            found.push(Raw { text: text.to_owned(), span });
            self.at += usize::from(quoted && self.rest().starts_with('\''));
            self.run(char::is_whitespace);
            let sign = self.rest().chars().next();
            self.at += sign.map_or(0, char::len_utf8);
            match sign {
                Some(')') => return Ok(found),
                Some(',') => {}
                _ => {
                    let at = self.at - sign.map_or(0, char::len_utf8);
                    return Err(Refusal::new(&(at..self.at), "expected `)` after the selector"));
                }
            }
        }
    }
}
