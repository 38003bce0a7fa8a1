//! Result tables as CSV files.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::columns::{AFTER, BEFORE, order};
use crate::table::{Provenance, Row, Table, Training};

/// What the column `system` holds for the reference values.
const NOMINAL: &str = "nominal";

/// Largest file of results that is read: a policy on a million systems, the most there can be, takes some 400 MB.
const MAX_BYTES: u64 = 1 << 30;

/// Why a file of results could not be written or read.
#[derive(Debug, Error)]
pub enum CsvError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The content is not a table of results.
    #[error("{}, line {line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Tables over different parameters cannot share a file.
    #[error("{}: tables over {first} and over {other} cannot share one file", path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// Parameters of the first table.
        first: String,
        /// Parameters of the table that differs.
        other: String,
    },
}

/// Writes a whole file or nothing: the bytes go to a temporary file beside `path`, which then takes its place. What
/// exists and is no regular file (`/dev/stdout`, a pipe) is written directly.
///
/// # Errors
/// What the operating system says, e.g. for a missing folder or a full disk; `path` is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
    // Temporary files are private by default; results should be as readable as any file the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Reads a file of at most `limit` bytes: a device without end, or a slip of the hand, must not fill the memory.
///
/// # Errors
/// What the operating system says, or that the file is larger.
pub fn read_at_most(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::other(format!("it is larger than {} MB", limit >> 20)));
    }
    Ok(bytes)
}

/// Writes tables over the same parameters into one CSV file, atomically; an existing file is replaced.
///
/// One row a system, in tidy form: what is constant within a table is repeated in each of its rows, so that files can
/// be concatenated and grouped by any reader.
///
/// | column | meaning |
/// |---|---|
/// | `task`, `physics` | what was simulated |
/// | `method`, `policy` | how the policy was trained, and which of the method's policies it is |
/// | `algorithm`, `training_seed`, `epsilon` | how it was trained: algorithm, seed of the run, radius of the ball |
/// | `policy_steps`, `simulator_steps` | what the training took; the second counts the adversary's simulations as well |
/// | `seed`, `stochastic` | seed of the evaluation; `true` if actions were sampled, `false` for mean actions |
/// | `systems` | how the systems were chosen, see [`Systems::label`](crate::Systems::label) |
/// | `system` | number of the system from 0, or `nominal` for the reference values of the swept parameters |
/// | one per swept parameter, by its name | physical value, in the unit that `wr2l tasks TASK` shows |
/// | `return_mean`, `return_sd`, `return_se`, `return_min`, `return_max` | undiscounted return over the episodes |
/// | `length_mean`, `forward_mean` | mean number of steps of an episode; mean forward displacement in m |
/// | `still` | episodes that stood still ([`stands_still`](crate::stands_still)); empty where that is no failure |
/// | `episodes`, `diverged` | episodes run; those whose physics broke down, which no other number contains |
///
/// A number that does not exist, or is not known, is an empty cell. Numbers are written so that reading gives the same bits.
///
/// # Errors
/// [`CsvError::Parameters`] if the tables' parameters differ, [`CsvError::Io`].
pub fn write_csv(path: &Path, tables: &[Table]) -> Result<(), CsvError> {
    let io = |source| CsvError::Io { path: path.to_owned(), source };
    let parameters: &[String] = tables.first().map_or(&[], |table| &table.parameters);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = BEFORE.into_iter().chain(parameters.iter().map(String::as_str)).chain(AFTER);
    writer.write_record(header).map_err(|e| io(e.into()))?;
    for table in tables {
        if table.parameters != parameters {
            return Err(CsvError::Parameters {
                path: path.to_owned(),
                first: parameters.join(", "),
                other: table.parameters.join(", "),
            });
        }
        let nominal = table.nominal.iter().map(|row| (NOMINAL.to_owned(), row));
        let systems = table.rows.iter().enumerate().map(|(i, row)| (i.to_string(), row));
        for (system, row) in nominal.chain(systems) {
            writer.write_record(record(&table.provenance, system, row)).map_err(|e| io(e.into()))?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| io(e.into_error()))?;
    write_atomically(path, &bytes).map_err(io)
}

fn record(provenance: &Provenance, system: String, row: &Row) -> Vec<String> {
    fn known<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let Provenance { task, physics, method, policy, training, seed, stochastic, systems } = provenance;
    let mut fields =
        vec![task.clone(), physics.clone(), method.clone(), policy.clone(), training.algorithm.clone()];
    fields.extend([known(training.seed), known(training.epsilon)]);
    fields.extend([known(training.policy_steps), known(training.simulator_steps)]);
    fields.extend([seed.to_string(), stochastic.to_string(), systems.clone(), system]);
    fields.extend(row.phi.iter().map(f64::to_string));
    let numbers = [row.mean, row.sd, row.standard_error, row.min, row.max, row.length, row.forward];
    fields.extend(numbers.map(|v| if v.is_nan() { String::new() } else { v.to_string() }));
    fields.extend([known(row.still), row.episodes.to_string(), row.diverged.to_string()]);
    fields
}

/// Reads all tables of a file written by [`write_csv`], or of several such files concatenated without their headers.
///
/// # Errors
/// [`CsvError::Io`], also for a file of more than 1 GB, and [`CsvError::Malformed`] naming file and line for whatever is not such a table.
pub fn read_csv(path: &Path) -> Result<Vec<Table>, CsvError> {
    let io = |source| CsvError::Io { path: path.to_owned(), source };
    let bytes = read_at_most(path, MAX_BYTES).map_err(io)?;
    let malformed = |line, reason| CsvError::Malformed { path: path.to_owned(), line, reason };
    let from_csv = |e: csv::Error| malformed(e.position().map_or(1, csv::Position::line), e.to_string());
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().map_err(from_csv)?.clone();
    let order = order(&header).map_err(|reason| malformed(1, reason))?;
    let in_order = |record: &csv::StringRecord| -> csv::StringRecord {
        order.iter().filter_map(|&column| record.get(column)).collect()
    };
    let header = in_order(&header);
    // None where a table of random systems was published without them.
    let dim = header.len() - BEFORE.len() - AFTER.len();
    let parameters: Vec<String> = header.iter().skip(BEFORE.len()).take(dim).map(str::to_owned).collect();

    let mut tables: Vec<Table> = Vec::new();
    for result in reader.records() {
        let fields = result.map_err(from_csv)?;
        let line = fields.position().map_or(1, csv::Position::line);
        let fields = in_order(&fields);
        let record = Record { header: &header, fields: &fields };
        let (system, row) = record.row(dim).map_err(|reason| malformed(line, reason))?;
        // Published tables leave out what the row above says.
        let goes_on = fields.iter().take(BEFORE.len() - 1).all(str::is_empty) && !tables.is_empty();
        if !goes_on {
            let provenance = record.provenance().map_err(|reason| malformed(line, reason))?;
            if tables.last().is_none_or(|table| table.provenance != provenance) {
                let parameters = parameters.clone();
                tables.push(Table { provenance, parameters, nominal: None, rows: Vec::new() });
            }
        }
        let Some(table) = tables.last_mut() else { continue };
        if system == NOMINAL && table.nominal.is_none() && table.rows.is_empty() {
            table.nominal = Some(row);
        } else if system == table.rows.len().to_string() {
            table.rows.push(row);
        } else {
            let next = table.rows.len();
            return Err(malformed(line, format!("expected system {next} of this policy, got `{system}`")));
        }
    }
    Ok(tables)
}

/// One record, whose fields are read by their column; it has as many as the header.
struct Record<'a> {
    header: &'a csv::StringRecord,
    fields: &'a csv::StringRecord,
}

impl<'a> Record<'a> {
    fn text(&self, column: usize) -> String {
        self.fields[column].to_owned()
    }

    fn is_empty(&self, column: usize) -> bool {
        self.fields[column].trim().is_empty()
    }

    fn parse<T: FromStr>(&self, column: usize, expected: &str) -> Result<T, String> {
        let text = self.fields[column].trim();
        text.parse().map_err(|_| format!("`{}` must be {expected}, got `{text}`", &self.header[column]))
    }

    fn number(&self, column: usize) -> Result<f64, String> {
        let value: f64 = self.parse(column, "a number")?;
        if value.is_finite() { Ok(value) } else { Err(format!("`{}` is not finite", &self.header[column])) }
    }

    /// NaN for an empty cell.
    fn optional(&self, column: usize) -> Result<f64, String> {
        if self.is_empty(column) { Ok(f64::NAN) } else { self.number(column) }
    }

    fn known<T: FromStr>(&self, column: usize) -> Result<Option<T>, String> {
        if self.is_empty(column) { Ok(None) } else { self.parse(column, "a whole number").map(Some) }
    }

    fn provenance(&self) -> Result<Provenance, String> {
        Ok(Provenance {
            task: self.text(0),
            physics: self.text(1),
            method: self.text(2),
            policy: self.text(3),
            training: Training {
                algorithm: self.text(4),
                seed: self.known(5)?,
                epsilon: Some(self.optional(6)?).filter(|epsilon| !epsilon.is_nan()),
                policy_steps: self.known(7)?,
                simulator_steps: self.known(8)?,
            },
            seed: self.parse(9, "a whole number")?,
            stochastic: self.parse(10, "true or false")?,
            systems: self.text(11),
        })
    }

    /// Name of the system, and the results, in a table of `dim` parameters.
    fn row(&self, dim: usize) -> Result<(&'a str, Row), String> {
        let after = BEFORE.len() + dim;
        let row = Row {
            phi: (BEFORE.len()..after).map(|column| self.number(column)).collect::<Result<_, _>>()?,
            mean: self.optional(after)?,
            sd: self.optional(after + 1)?,
            standard_error: self.optional(after + 2)?,
            min: self.optional(after + 3)?,
            max: self.optional(after + 4)?,
            length: self.optional(after + 5)?,
            forward: self.optional(after + 6)?,
            still: self.known(after + 7)?,
            episodes: self.parse(after + 8, "a whole number")?,
            diverged: self.parse(after + 9, "a whole number")?,
        };
        if row.diverged > row.episodes {
            return Err(format!("{} of {} episodes cannot have diverged", row.diverged, row.episodes));
        }
        let sound = row.episodes - row.diverged;
        if row.has_value() == (sound == 0) {
            return Err("a mean return must be given exactly if some episode did not diverge".into());
        }
        if row.still.is_some_and(|still| still > sound) {
            return Err(format!("more episodes stood still than the {sound} that did not diverge"));
        }
        Ok((&self.fields[BEFORE.len() - 1], row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    fn bits(table: &Table) -> Vec<u64> {
        let row = |r: &Row| {
            let mut all = r.phi.clone();
            all.extend(r.numbers());
            // Any NaN is "no value".
            all.into_iter().map(|v| if v.is_nan() { u64::MAX } else { v.to_bits() }).collect::<Vec<_>>()
        };
        table.nominal.iter().chain(&table.rows).flat_map(row).collect()
    }

    #[test]
    fn reading_gives_the_same_bits_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let tables = [table("wr2l", "runs/a, \"the first\""), table("ppo", "ü")];
        write_csv(&path, &tables).unwrap();
        let again = read_csv(&path).unwrap();
        assert_eq!(again.len(), 2);
        for (a, b) in tables.iter().zip(&again) {
            assert_eq!((&a.provenance, &a.parameters), (&b.provenance, &b.parameters));
            assert_eq!(bits(a), bits(b));
        }
        // Writing what was read gives the same bytes.
        let copy = folder.path().join("copy.csv");
        write_csv(&copy, &again).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&copy).unwrap());
    }

    #[test]
    fn what_the_row_above_says_may_be_left_out_but_not_in_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        write_csv(&path, &[table("wr2l", "a"), table("ppo", "b")]).unwrap();
        let whole = read_csv(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut before = String::new();
        let mut short = String::new();
        for line in text.lines() {
            let at = line.match_indices(',').nth(BEFORE.len() - 2).unwrap().0;
            let (said, rest) = line.split_at(at);
            short += if said == before { ",,,,,,,,,,," } else { said };
            short += &format!("{rest}\n");
            before = said.to_owned();
        }
        assert!(short.len() < text.len());
        std::fs::write(&path, &short).unwrap();
        let again = read_csv(&path).unwrap();
        assert_eq!(again.len(), 2);
        for (a, b) in whole.iter().zip(&again) {
            assert_eq!((&a.provenance, bits(a)), (&b.provenance, bits(b)));
        }
        let first = text.lines().nth(1).unwrap();
        let at = first.match_indices(',').nth(BEFORE.len() - 2).unwrap().0;
        std::fs::write(&path, text.replacen(&first[..at], ",,,,,,,,,,,", 1)).unwrap();
        assert!(matches!(read_csv(&path), Err(CsvError::Malformed { line: 2, .. })));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        write_csv(&path, &[table("wr2l", "a")]).unwrap();
        let before = std::fs::read(&path).unwrap();
        let mut other = table("ppo", "b");
        other.parameters[1] = "c".into();
        let error = write_csv(&path, &[table("wr2l", "a"), other]).unwrap_err();
        assert!(error.to_string().contains("a, b and over a, c"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        // A shorter one takes its place whole, and who reads the old one reads on.
        let old = File::open(&path).unwrap();
        write_atomically(&path, b"x").unwrap();
        assert_eq!(std::io::read_to_string(old).unwrap().into_bytes(), before);
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        let nowhere = folder.path().join("missing").join("results.csv");
        assert!(write_csv(&nowhere, &[table("wr2l", "a")]).unwrap_err().to_string().contains("missing"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn columns_in_another_order_are_the_same_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let tables = [table("wr2l", "a"), table("ppo", "b")];
        write_csv(&path, &tables).unwrap();
        let reversed = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n";
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.lines().map(reversed).collect::<String>()).unwrap();
        let again = read_csv(&path).unwrap();
        for (a, b) in tables.iter().zip(&again) {
            assert_eq!(a.provenance, b.provenance);
            let parameters: Vec<&String> = a.parameters.iter().rev().collect();
            assert_eq!(parameters, b.parameters.iter().collect::<Vec<_>>());
            for (a, b) in a.rows.iter().zip(&b.rows) {
                assert_eq!(a.phi.iter().rev().collect::<Vec<_>>(), b.phi.iter().collect::<Vec<_>>());
                assert_eq!((a.mean.to_bits(), a.diverged), (b.mean.to_bits(), b.diverged));
            }
        }
    }

    #[test]
    fn a_malformed_file_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        write_csv(&path, &[table("wr2l", "a")]).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let check = |content: String, line: u64, expected: &str| {
            std::fs::write(&path, content).unwrap();
            let message = read_csv(&path).unwrap_err().to_string();
            assert!(
                message.contains("results.csv") && message.contains(&format!("line {line}")),
                "{message}"
            );
            assert!(message.contains(expected), "{message}");
        };
        check(String::new(), 1, "there is no column `task`");
        check("a,b\n1,2\n".into(), 1, "there is no column `task`");
        check(
            good.replace("return_sd", "return_std"),
            1,
            "there is no column `return_sd`; is it `return_std`?",
        );
        check(good.replace(',', ";"), 1, "separated by `;`");
        check(good.replace('\n', ",x\n").replacen(",x", ",note", 1), 1, "unknown column `note`");
        check(good.replacen("physics", "task", 1), 1, "the column `task` stands there twice");
        // Truncated in the middle of the last line.
        check(good[..good.len() - 8].to_owned(), 8, "fields");
        check([lines[0], lines[1], lines[3]].join("\n"), 3, "expected system 0 of this policy, got `1`");
        check([lines[0], lines[2], lines[2]].join("\n"), 3, "expected system 1");
        check([lines[0], lines[1], lines[1]].join("\n"), 3, "expected system 0");
        check(
            [lines[0], &lines[2].replace(",3,0", ",x,0")].join("\n"),
            2,
            "`episodes` must be a whole number",
        );
        check([lines[0], &lines[2].replace(",3,0", ",3,4")].join("\n"), 2, "4 of 3 episodes");
        check([lines[0], &lines[2].replace(",3,0", ",3,3")].join("\n"), 2, "a mean return must be given");
        check(
            [lines[0], &lines[2].replace("false", "no")].join("\n"),
            2,
            "`stochastic` must be true or false",
        );
        check([lines[0], &lines[2].replace(",1,2,", ",NaN,2,")].join("\n"), 2, "`b` is not finite");
        assert!(read_csv(&folder.path().join("absent.csv")).unwrap_err().to_string().contains("absent.csv"));
    }

    #[test]
    fn a_table_may_have_been_published_without_the_parameters_of_its_systems() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let mut published = table("wr2l", "a");
        published.parameters.clear();
        published.rows.iter_mut().chain(&mut published.nominal).for_each(|row| row.phi.clear());
        write_csv(&path, &[published.clone()]).unwrap();
        let again = read_csv(&path).unwrap();
        assert!(again[0].parameters.is_empty() && again[0].rows.len() == published.rows.len());
        assert_eq!(bits(&again[0]), bits(&published));
    }

    #[test]
    fn the_tables_among_the_committed_results_can_be_read() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/results")];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let is_csv = path.extension().is_some_and(|extension| extension == "csv");
                if path.is_dir() {
                    folders.push(path);
                } else if is_csv && std::fs::read_to_string(&path).unwrap().starts_with("task,physics,") {
                    read_csv(&path).unwrap();
                    read += 1;
                }
            }
        }
        assert!(read > 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_end_is_refused() {
        let error = read_at_most(Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("larger than 1 MB"));
    }

    #[test]
    fn a_file_as_large_as_may_be_is_read_and_one_byte_more_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"four").unwrap();
        assert_eq!(read_at_most(&path, 4).unwrap(), b"four");
        assert!(read_at_most(&path, 3).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_as_readable_as_any_and_a_device_is_written_to_and_not_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("plain"), "x").unwrap();
        write_atomically(&folder.path().join("ours"), b"x").unwrap();
        assert_eq!(mode("plain"), mode("ours"));
        let sink = folder.path().join("sink");
        std::os::unix::fs::symlink("/dev/null", &sink).unwrap();
        write_atomically(&sink, b"x").unwrap();
        assert!(sink.symlink_metadata().unwrap().is_symlink());
    }
}
