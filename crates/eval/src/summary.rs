//! Result tables for the terminal.

use crate::statistics::Spread;
use crate::table::{Row, Table};

/// The results of several policies as aligned text, ending in a newline: one line a policy with its nominal return,
/// and over the systems the mean, the interquartile mean, CVaR₁₀ and the worst system; before that, if some method
/// has several policies, one line a method with mean ± sample standard deviation across them. Methods and policies
/// come in order of appearance; what has no value shows as `–`.
pub fn summary(tables: &[Table]) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for table in tables {
        if !methods.contains(&table.provenance.method.as_str()) {
            methods.push(&table.provenance.method);
        }
    }
    let mut text = String::new();
    if methods.len() < tables.len() {
        let mut lines =
            vec![["method", "policies", "nominal", "mean", "IQM", "CVaR₁₀", "worst"].map(String::from)];
        for method in methods {
            let columns: Vec<[f64; 5]> =
                tables.iter().filter(|t| t.provenance.method == method).map(columns).collect();
            let cell = |i: usize| across(columns.iter().map(|column| column[i]));
            let count = columns.len().to_string();
            lines.push([method.to_owned(), count, cell(0), cell(1), cell(2), cell(3), cell(4)]);
        }
        text += &align(&lines);
        text.push('\n');
    }
    let mut lines = vec![
        ["method", "policy", "nominal", "mean", "IQM", "CVaR₁₀", "worst", "worst at", "diverged"]
            .map(String::from),
    ];
    for table in tables {
        let [nominal, mean, iqm, cvar, worst] = columns(table).map(number);
        let at = table.worst().map_or_else(|| "–".into(), |row| system(&table.parameters, row));
        let diverged = match (table.diverged(), table.systems_without_value()) {
            (0, _) => "0".to_owned(),
            (episodes, 0) => format!("{episodes} episodes"),
            (episodes, systems) => format!("{episodes} episodes, {systems} whole systems"),
        };
        let (method, policy) = (table.provenance.method.clone(), table.provenance.policy.clone());
        lines.push([method, policy, nominal, mean, iqm, cvar, worst, at, diverged]);
    }
    text + &align(&lines)
}

/// Nominal return, mean, interquartile mean, CVaR₁₀ and worst, NaN where there is no value.
fn columns(table: &Table) -> [f64; 5] {
    let nominal = table.nominal.as_ref().map_or(f64::NAN, |row| row.mean);
    table.statistics().map_or([nominal, f64::NAN, f64::NAN, f64::NAN, f64::NAN], |s| {
        [nominal, s.mean, s.iqm, s.cvar10, s.worst]
    })
}

fn number(value: f64) -> String {
    if value.is_nan() { "–".into() } else { format!("{value:.1}") }
}

fn across(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    match Spread::of(&values) {
        Ok(spread) if spread.count > 1 => format!("{:.1} ± {:.1}", spread.mean, spread.sd),
        Ok(spread) => number(spread.mean),
        Err(_) => number(f64::NAN),
    }
}

fn system(parameters: &[String], row: &Row) -> String {
    // Four significant digits name a cell; the file has the exact value.
    let round = |v: f64| format!("{v:.3e}").parse::<f64>().unwrap_or(v);
    let pairs = parameters.iter().zip(&row.phi).map(|(name, &value)| format!("{name}={}", round(value)));
    pairs.collect::<Vec<_>>().join(", ")
}

/// Columns of equal width, two spaces apart: text to the left, numbers to the right.
fn align<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |text: &str| text.chars().count();
    let is_number = |column: usize| {
        lines[1..]
            .iter()
            .all(|line| line[column].starts_with(|c: char| c.is_ascii_digit() || "-–".contains(c)))
    };
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, cell) in line.iter().enumerate() {
            let widest = lines.iter().map(|line| width(&line[column])).max().unwrap_or(0);
            let space = " ".repeat(widest - width(cell));
            let gap = if column == 0 { "" } else { "  " };
            row += gap;
            row += &if is_number(column) { space + cell } else { cell.clone() + &space };
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{episodes, provenance, table};

    fn small(method: &str, policy: &str, base: f64) -> Table {
        let row = |phi, ret| Row::new(vec![phi], &episodes(&[ret]));
        Table {
            provenance: provenance(method, policy),
            parameters: vec!["friction".into()],
            nominal: Some(row(2.0, base + 10.0)),
            rows: vec![row(0.5, base), row(1.0 / 3.0, base + 1.0)],
        }
    }

    #[test]
    fn one_policy_a_method_is_one_block() {
        let text = summary(&[small("ppo", "0", 100.0), small("wr2l", "10", 2000.0)]);
        assert_eq!(
            text,
            "method  policy  nominal    mean     IQM  CVaR₁₀   worst  worst at      diverged\n\
             ppo          0    110.0   100.5   100.5   100.0   100.0  friction=0.5         0\n\
             wr2l        10   2010.0  2000.5  2000.5  2000.0  2000.0  friction=0.5         0\n"
        );
    }

    #[test]
    fn several_policies_of_a_method_are_condensed_first() {
        let text = summary(&[small("ppo", "0", 100.0), small("ppo", "1", 102.0), small("wr2l", "0", 0.0)]);
        let (methods, policies) = text.split_once("\n\n").unwrap();
        assert!(methods.contains("111.0 ± 1.4") && methods.lines().count() == 3, "{text}");
        assert_eq!(policies.lines().count(), 4);
    }

    #[test]
    fn what_has_no_value_is_a_dash_and_divergence_is_shown() {
        let full = table("wr2l", "a");
        assert!(summary(std::slice::from_ref(&full)).contains("3 episodes, 1 whole systems"));
        let empty = Table { rows: full.rows[5..].to_vec(), nominal: None, ..full };
        let text = summary(&[empty]);
        assert!(text.contains('–') && !text.contains("NaN"), "{text}");
        assert!(summary(&[]).starts_with("method"));
    }
}
