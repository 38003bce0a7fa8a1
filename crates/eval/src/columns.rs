//! The columns of a file of results, in whatever order they stand.

use wr2l_sim::nearest_name;

/// Columns before the swept parameters.
pub(crate) const BEFORE: [&str; 13] = [
    "task",
    "physics",
    "method",
    "policy",
    "algorithm",
    "training_seed",
    "epsilon",
    "policy_steps",
    "simulator_steps",
    "seed",
    "stochastic",
    "systems",
    "system",
];

/// Columns after them.
pub(crate) const AFTER: [&str; 10] = [
    "return_mean",
    "return_sd",
    "return_se",
    "return_min",
    "return_max",
    "length_mean",
    "forward_mean",
    "still",
    "episodes",
    "diverged",
];

/// Where in a file each column stands: those of [`BEFORE`], the swept parameters, those of [`AFTER`]. Spreadsheets move
/// columns; what they add has no place between `system` and `return_mean`.
pub(crate) fn order(header: &csv::StringRecord) -> Result<Vec<usize>, String> {
    if header.len() == 1 && header[0].contains(';') {
        return Err("the columns are separated by `;`: save the file with commas".into());
    }
    let known = || BEFORE.into_iter().chain(AFTER);
    for (at, name) in header.iter().enumerate() {
        if header.iter().take(at).any(|other| other == name) {
            return Err(format!("the column `{name}` stands there twice"));
        }
    }
    let find = |name: &str| {
        header.iter().position(|other| other == name).ok_or_else(|| {
            let unknown = header.iter().filter(|name| known().all(|known| known != *name));
            let hint = nearest_name(name, unknown);
            let hint = hint.map_or_else(String::new, |near| format!("; is it `{near}`?"));
            format!("there is no column `{name}`{hint}")
        })
    };
    let before = BEFORE.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let after = AFTER.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let (system, results) = (before[BEFORE.len() - 1], after[0]);
    let between = system.min(results)..system.max(results);
    let mut swept = Vec::new();
    for (at, name) in header.iter().enumerate().filter(|(_, name)| known().all(|known| known != *name)) {
        if !between.contains(&at) {
            let between = "swept parameters stand between `system` and `return_mean`";
            return Err(format!("unknown column `{name}`: {between}, and nothing else may be added"));
        }
        swept.push(at);
    }
    Ok([before, swept, after].concat())
}
