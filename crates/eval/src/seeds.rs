//! Statistics across the policies of each method, as a CSV file.

use std::path::Path;

use crate::across::{Aggregate, Bootstrap, Interval, Scores};
use crate::comparison::compare;
use crate::csv_file::{CsvError, write_atomically};
use crate::statistics::Statistics;
use crate::table::Table;

/// Writes statistics across the policies (training seeds) of each method, atomically.
///
/// One row a method and measure. A measure is one number a policy: `nominal` is its return on the nominal system;
/// `mean`, `median`, `iqm`, `cvar10` and `worst` condense its mean returns over the systems.
///
/// | column | meaning |
/// |---|---|
/// | `task`, `systems`, `method`, `measure` | what is condensed |
/// | `policies` | number of policies |
/// | `mean`, `median`, `iqm`, `cvar10`, `worst` | the measure across the policies; each followed by `_low` and `_high`, the ends of its 95 % bootstrap interval |
/// | `stand_still` | share of the method's policies that stand still on the nominal system; empty where that is no failure |
/// | `better_than_METHOD` | one per method: probability that a policy of this row's method has the higher measure, followed by `_low` and `_high` |
///
/// # Errors
/// [`CsvError::Io`].
pub fn write_statistics(path: &Path, tables: &[Table]) -> Result<(), CsvError> {
    let io = |source| CsvError::Io { path: path.to_owned(), source };
    let mut groups: Vec<(&str, Vec<&Table>)> = Vec::new();
    for table in tables {
        match groups.iter_mut().find(|(name, _)| *name == table.provenance.method) {
            Some((_, members)) => members.push(table),
            None => groups.push((&table.provenance.method, vec![table])),
        }
    }
    let mut header: Vec<String> =
        ["task", "systems", "method", "measure", "policies"].map(String::from).into();
    let with_ends = |name: String| [name.clone(), name.clone() + "_low", name + "_high"];
    header.extend(Aggregate::ALL.into_iter().flat_map(|a| with_ends(a.as_str().to_owned())));
    header.push("stand_still".into());
    header.extend(groups.iter().flat_map(|(name, _)| with_ends(format!("better_than_{name}"))));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).map_err(|e| io(e.into()))?;
    for (measure, of) in MEASURES {
        let scores: Vec<Option<Scores>> = groups.iter().map(|(_, members)| scores(members, *of)).collect();
        let compared = compare(&scores, Bootstrap::default());
        for ((method, members), own) in groups.iter().zip(compared) {
            let provenance = &members[0].provenance;
            let mut row = vec![provenance.task.clone(), provenance.systems.clone(), (*method).to_owned()];
            row.extend([(*measure).to_owned(), members.len().to_string()]);
            let (aggregates, better) = match own {
                Some(own) => (own.aggregates.map(Some), own.better),
                None => ([None; 5], vec![None; groups.len()]),
            };
            aggregates.into_iter().for_each(|interval| row.extend(cells(interval)));
            let still: Option<u32> = members.iter().map(|table| table.stands_still().map(u32::from)).sum();
            row.push(still.map_or_else(String::new, |n| (f64::from(n) / members.len() as f64).to_string()));
            better.into_iter().for_each(|interval| row.extend(cells(interval)));
            writer.write_record(&row).map_err(|e| io(e.into()))?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| io(e.into_error()))?;
    write_atomically(path, &bytes).map_err(io)
}

type Measure = fn(&Table) -> Option<f64>;

const MEASURES: &[(&str, Measure)] = &[
    ("nominal", |table| table.nominal.as_ref().map(|row| row.mean).filter(|mean| mean.is_finite())),
    ("mean", |table| over_systems(table).map(|s| s.mean)),
    ("median", |table| over_systems(table).map(|s| s.median)),
    ("iqm", |table| over_systems(table).map(|s| s.iqm)),
    ("cvar10", |table| over_systems(table).map(|s| s.cvar10)),
    ("worst", |table| over_systems(table).map(|s| s.worst)),
];

fn over_systems(table: &Table) -> Option<Statistics> {
    table.statistics().ok()
}

/// `None` if a policy has no such number.
fn scores(members: &[&Table], of: Measure) -> Option<Scores> {
    let values: Vec<f64> = members.iter().map(|table| of(table)).collect::<Option<_>>()?;
    Scores::single(&values).ok()
}

fn cells(interval: Option<Interval>) -> [String; 3] {
    match interval {
        Some(Interval { estimate, low, high }) => [estimate, low, high].map(|v| v.to_string()),
        None => Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    #[test]
    fn every_method_has_a_row_a_measure_and_a_rival_a_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statistics.csv");
        let mut better = table("wr2l", "c");
        better.rows.iter_mut().for_each(|row| row.mean += 100.0);
        let mut still = table("ppo", "b");
        still.nominal.as_mut().unwrap().still = Some(2);
        write_statistics(&path, &[table("ppo", "a"), still, better]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2 * MEASURES.len());
        let cell = |method: &str, measure: &str, column: &str| {
            let row = rows.iter().find(|row| &row[2] == method && &row[3] == measure).unwrap();
            row[header.iter().position(|name| name == column).unwrap()].to_owned()
        };
        assert_eq!(cell("ppo", "nominal", "mean"), "150");
        assert_eq!(
            (cell("ppo", "mean", "policies"), cell("wr2l", "mean", "policies")),
            ("2".into(), "1".into())
        );
        assert_eq!(cell("wr2l", "mean", "better_than_ppo"), "1");
        assert_eq!(cell("ppo", "mean", "better_than_ppo"), "0.5");
        assert_eq!(cell("ppo", "mean", "stand_still"), "0.5");
        assert_eq!(cell("wr2l", "mean", "stand_still"), "0");
    }
}
