//! Errors of many states, and how they are spread.

use std::io::Write;

/// Errors of qacc, next qpos and next qvel of the states of one model, and what became of the others.
#[derive(Default)]
pub struct Tally {
    pub name: String,
    pub errors: Vec<[f64; 3]>,
    pub contacts: usize,
    pub rows: usize,
    /// States beyond the bound: all of them, those where MuJoCo had stopped early, and those where axes cross.
    pub beyond: usize,
    pub early: usize,
    pub crossing: usize,
    /// Lanes that failed.
    pub failed: usize,
}

impl Tally {
    /// The errors of one of the three, sorted.
    fn sorted(&self, which: usize) -> Vec<f64> {
        let mut errors: Vec<f64> = self.errors.iter().map(|errors| errors[which]).collect();
        errors.sort_by(f64::total_cmp);
        errors
    }

    pub fn worst(&self, which: usize) -> f64 {
        self.sorted(which).last().copied().unwrap_or(0.0)
    }

    /// Appends a line to the table that `WR2L_PARITY_TABLE` names, if it does.
    pub fn write(&self) {
        let Some(path) = std::env::var_os("WR2L_PARITY_TABLE") else { return };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a table");
        if file.metadata().expect("a size").len() == 0 {
            let columns = ["median", "p90", "p99", "p999", "worst"].map(|q| format!("qacc_{q}")).join(",");
            writeln!(
                file,
                "model,states,contacts,rows,{columns},qpos_worst,qvel_worst,stopped_early,crossing,beyond,failed"
            )
            .expect("room for a table");
        }
        let qacc = self.sorted(0);
        let quantile = |share: f64| {
            let at = (share * (qacc.len().saturating_sub(1)) as f64).round() as usize;
            format!("{:.1e}", qacc.get(at).copied().unwrap_or(0.0))
        };
        let quantiles = [0.5, 0.9, 0.99, 0.999, 1.0].map(quantile).join(",");
        writeln!(
            file,
            "{},{},{},{},{quantiles},{:.1e},{:.1e},{},{},{},{}",
            self.name,
            self.errors.len(),
            self.contacts,
            self.rows,
            self.worst(1),
            self.worst(2),
            self.early,
            self.crossing,
            self.beyond,
            self.failed
        )
        .expect("room for a table");
    }
}
