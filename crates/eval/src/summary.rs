//! Result tables for the terminal.

use crate::across::{Aggregate, Bootstrap, Interval, Scores};
use crate::statistics::Statistics;
use crate::table::{Row, Table};

/// The results of several policies as aligned text, ending in a newline: one line a policy with its nominal return,
/// over the systems the mean, the interquartile mean, CVaR₁₀ and the worst system, and the share of episodes that stood
/// still; before that, if some method has several policies, one line a method with the mean across them, its 95 %
/// bootstrap interval, and the share of policies that stand still. Methods and policies come in order of appearance;
/// what has no value shows as `–`.
pub fn summary(tables: &[Table]) -> String {
    let methods = method_lines(tables);
    let mut text = String::new();
    if methods.len() <= tables.len() {
        text += &align(&methods);
        text.push('\n');
    }
    let mut lines = vec![
        ["method", "policy", "nominal", "mean", "IQM", "CVaR₁₀", "worst", "still", "diverged", "worst at"]
            .map(String::from),
    ];
    for table in tables {
        let [nominal, mean, iqm, cvar, worst] = columns(table).map(number);
        let at = table.worst().map_or_else(|| "–".into(), |row| system(table, row));
        let diverged = match (table.diverged(), table.systems_without_value()) {
            (0, _) => "0".to_owned(),
            (episodes, 0) => format!("{episodes} episodes"),
            (episodes, systems) => format!("{episodes} episodes, {systems} whole systems"),
        };
        let (method, policy) = (table.provenance.method.clone(), table.provenance.policy.clone());
        let still = share(table.still_share());
        lines.push([method, policy, nominal, mean, iqm, cvar, worst, still, diverged, at]);
    }
    text + &align(&lines)
}

/// The header and one line a method, in order of appearance: method, number of policies, then nominal return and mean,
/// interquartile mean, CVaR₁₀ and worst over the systems, each as the mean across the policies with its 95 % bootstrap
/// interval in brackets, and the share of policies that stand still.
pub fn method_lines(tables: &[Table]) -> Vec<[String; 8]> {
    let mut methods: Vec<&str> = Vec::new();
    for table in tables {
        if !methods.contains(&table.provenance.method.as_str()) {
            methods.push(&table.provenance.method);
        }
    }
    let header = ["method", "policies", "nominal", "mean", "IQM", "CVaR₁₀", "worst", "still"];
    let mut lines = vec![header.map(String::from)];
    for method in methods {
        let members: Vec<&Table> = tables.iter().filter(|t| t.provenance.method == method).collect();
        let columns: Vec<[f64; 5]> = members.iter().map(|table| columns(table)).collect();
        let cell = |i: usize| across(columns.iter().map(|column| column[i]));
        let still: Option<u32> = members.iter().map(|table| table.stands_still().map(u32::from)).sum();
        let still = share(still.map(|still| f64::from(still) / members.len() as f64));
        let count = columns.len().to_string();
        lines.push([method.to_owned(), count, cell(0), cell(1), cell(2), cell(3), cell(4), still]);
    }
    lines
}

/// Nominal return, mean, interquartile mean, CVaR₁₀ and worst, NaN where there is no value.
fn columns(table: &Table) -> [f64; 5] {
    let nominal = table.nominal.as_ref().map_or(f64::NAN, |row| row.mean);
    let s = table.statistics().unwrap_or(Statistics::NO_VALUE);
    [nominal, s.mean, s.iqm, s.cvar10, s.worst]
}

fn number(value: f64) -> String {
    if value.is_nan() { "–".into() } else { format!("{value:.1}") }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |share| format!("{:.0} %", 100.0 * share))
}

/// Mean across policies, with its interval if there are several.
fn across(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    let Ok(scores) = Scores::single(&values) else { return number(f64::NAN) };
    let Interval { estimate, low, high } = scores.interval(Aggregate::Mean, Bootstrap::default());
    if values.len() == 1 { number(estimate) } else { format!("{estimate:.1} [{low:.0}, {high:.0}]") }
}

/// The values of a system, or where they would fill the line its number and what is furthest from the nominal system.
fn system(table: &Table, row: &Row) -> String {
    if table.parameters.len() > 4 {
        let number = table.rows.iter().position(|other| other.phi == row.phi);
        return number
            .map_or_else(|| "–".into(), |number| format!("system {number}{}", furthest(table, row)));
    }
    // Four significant digits name a cell; the file has the exact value.
    let round = |v: f64| format!("{v:.3e}").parse::<f64>().unwrap_or(v);
    let pairs = table.parameters.iter().zip(&row.phi).map(|(name, &v)| format!("{name}={}", round(v)));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The three parameters that are furthest from the nominal system, in percent of it; nothing where that is not known.
fn furthest(table: &Table, row: &Row) -> String {
    let Some(nominal) = &table.nominal else { return String::new() };
    let changes = row.phi.iter().zip(&nominal.phi).map(|(value, nominal)| 100.0 * (value / nominal - 1.0));
    let mut changes: Vec<(&String, f64)> =
        table.parameters.iter().zip(changes).filter(|(_, change)| change.is_finite()).collect();
    changes.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let shown: Vec<String> =
        changes.iter().take(3).map(|(name, change)| format!("{name} {change:+.0} %")).collect();
    if shown.is_empty() { String::new() } else { format!(": {}, …", shown.join(", ")) }
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
            "method  policy  nominal    mean     IQM  CVaR₁₀   worst  still  diverged  worst at\n\
             ppo          0    110.0   100.5   100.5   100.0   100.0    0 %         0  friction=0.5\n\
             wr2l        10   2010.0  2000.5  2000.5  2000.0  2000.0    0 %         0  friction=0.5\n"
        );
    }

    #[test]
    fn several_policies_of_a_method_are_condensed_first() {
        let text = summary(&[small("ppo", "0", 100.0), small("ppo", "1", 102.0), small("wr2l", "0", 0.0)]);
        let (methods, policies) = text.split_once("\n\n").unwrap();
        assert!(methods.contains("111.0 [110, 112]") && methods.lines().count() == 3, "{text}");
        assert_eq!(policies.lines().count(), 4);
    }

    #[test]
    fn a_method_tells_the_share_of_its_policies_that_stand_still() {
        // The nominal episodes of the first return less than 1, which stands still.
        let lines = method_lines(&[small("ppo", "0", -20.0), small("ppo", "1", 102.0)]);
        assert_eq!((lines[1][1].as_str(), lines[1][7].as_str()), ("2", "50 %"));
    }

    #[test]
    fn a_system_of_many_parameters_is_named_by_its_number_and_its_largest_changes() {
        let row = |ret: f64| Row::new(vec![ret, 1.0, 2.0, 3.0, 4.0], &episodes(&[ret]));
        let names = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        let nominal = Some(Row::new(vec![10.0, 1.0, 0.0, 4.0, 3.2], &episodes(&[9.0])));
        let rows = vec![row(9.0), row(8.0), row(5.0)];
        let mut table = Table { parameters: names, rows, nominal, ..small("ppo", "0", 1.0) };
        assert_eq!(system(&table, &table.rows[2]), "system 2: a -50 %, d -25 %, e +25 %, …");
        table.nominal = None;
        assert_eq!(system(&table, &table.rows[2]), "system 2");
        assert_eq!(system(&table, &row(7.0)), "–", "none of its systems");
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
