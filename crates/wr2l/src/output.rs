//! What reaches the terminal.

use std::cell::Cell;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use wr2l::run::RunError;

/// Writes text to standard output.
///
/// # Errors
/// [`RunError::Io`]. A reader that has gone away (`| head`) is none.
pub(crate) fn print(text: &str) -> Result<(), RunError> {
    print_while_read(text).map(|_| ())
}

/// The same; also whether somebody reads on.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_while_read(text: &str) -> Result<bool, RunError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(RunError::io("write", Path::new("standard output"), &error)),
    }
}

/// Says on standard error what went wrong and what to try.
pub(crate) fn report(error: &RunError) {
    let (bold, plain) = if colour() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    // Nothing is left to do if standard error is gone as well.
    let _ = writeln!(std::io::stderr(), "{bold}error:{plain} {error}");
    if let Some(hint) = error.hint() {
        let _ = writeln!(std::io::stderr(), "hint: {hint}");
    }
}

/// Says something on standard error.
pub(crate) fn say(text: &str) {
    // Nothing depends on the message being seen.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says on standard error what should not be passed over.
pub(crate) fn warn(text: &str) {
    let (bold, plain) = if colour() { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    // Nothing depends on the message being seen.
    let _ = writeln!(std::io::stderr(), "{bold}warning:{plain} {text}");
}

/// Whether standard error shows colours: a terminal that was not asked to do without (<https://no-color.org>).
pub(crate) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Rows as columns of equal width, two spaces apart; numbers to the right, text to the left.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width: [usize; N] =
        std::array::from_fn(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0));
    let numeric: [bool; N] = std::array::from_fn(|c| {
        rows.iter().skip(1).all(|row| row[c].trim_end_matches('%').parse::<f64>().is_ok())
    });
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let space = " ".repeat(width[c] - cell.chars().count());
            let (before, after) = if numeric[c] { (space.as_str(), "") } else { ("", space.as_str()) };
            line += &format!("{before}{cell}{after}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Time between two lines of progress in a log.
const A_MINUTE: Duration = Duration::from_secs(60);

/// A progress bar on standard error, where that is a terminal; else, in a log, a line a minute.
pub(crate) struct Bar {
    bar: indicatif::ProgressBar,
    /// When the last line was written, or the work began; `None` where there are no lines.
    line: Cell<Option<Instant>>,
}

impl Bar {
    /// A bar to `total`.
    pub(crate) fn new(total: u64) -> Self {
        // Hidden of its own accord where standard error is no terminal.
        let bar = indicatif::ProgressBar::new(total);
        // Short enough for 80 columns, and cut where that is not enough.
        let template = "{bar:12} {percent:>3}%  {wide_msg} {eta:>6} left";
        if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let in_log = !std::io::stderr().is_terminal();
        Self { bar, line: Cell::new(in_log.then(Instant::now)) }
    }

    /// No bar at all.
    pub(crate) fn hidden() -> Self {
        Self { bar: indicatif::ProgressBar::hidden(), line: Cell::new(None) }
    }

    /// Moves to `position` and says `message` beside it.
    pub(crate) fn set(&self, position: u64, message: &str) {
        self.bar.set_message(message.to_owned());
        self.bar.set_position(position);
        let now = Instant::now();
        if self.line.get().is_some_and(|last| line_is_due(last, now)) {
            self.line.set(Some(now));
            say(&line(position, self.bar.length().unwrap_or(0), message));
        }
    }

    /// Writes something without the bar getting in the way.
    pub(crate) fn above(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn line_is_due(last: Instant, now: Instant) -> bool {
    now.saturating_duration_since(last) >= A_MINUTE
}

/// Progress as a line of a log.
fn line(position: u64, total: u64, message: &str) -> String {
    let percent = (position as f64 / total.max(1) as f64 * 100.0) as u64;
    format!("{:>3} %  {message}", percent.min(100))
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A return without decimals, and a dash where there is none yet.
pub(crate) fn whole(value: f64) -> String {
    // Adding 0 turns −0 into 0.
    if value.is_nan() { "–".to_owned() } else { format!("{}", value.round() + 0.0) }
}

/// Seconds as `3.2 s`, `4 min 05 s` or `2 h 03 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_align_right_and_text_left() {
        let rows = [["name", "n"], ["a", "1.5"], ["long", "1000"]].map(|row| row.map(String::from));
        assert_eq!(aligned(&rows), "name     n\na      1.5\nlong  1000\n");
    }

    #[test]
    fn a_log_gets_a_line_a_minute_with_the_share_that_is_done() {
        let begun = Instant::now();
        let (mut last, mut lines) = (begun, 0);
        for seconds in 0..=600 {
            let now = begun + Duration::from_secs(seconds);
            if line_is_due(last, now) {
                (last, lines) = (now, lines + 1);
            }
        }
        assert_eq!(lines, 10);
        assert_eq!(line(250, 1000, "return 3"), " 25 %  return 3");
        assert_eq!([line(0, 0, ""), line(7, 3, "")], ["  0 %  ", "100 %  "]);
    }

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([f64::NAN, -0.2, 1234.5].map(whole), ["–", "0", "1235"]);
        assert_eq!([3.21, 65.0, 7_380.0].map(duration), ["3.2 s", "1 min 05 s", "2 h 03 min"]);
    }
}
