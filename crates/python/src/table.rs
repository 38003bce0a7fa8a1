//! The class `Table`: what an evaluation found, as arrays.

use std::path::Path;

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wr2l::eval::{Bound as Share, Certainty, Certificate, Row, Table as Results, summary, write_csv};
use wr2l::run::Setting;

use crate::error;

/// Results of one policy over systems, one row a system.
#[pyclass(module = "wr2l._native", frozen)]
pub(crate) struct Table {
    pub(crate) results: Results,
    /// What they are about; `None` where a file has only its name.
    pub(crate) setting: Option<Setting>,
}

/// A column's name, and its number in a row.
type Column = (&'static str, fn(&Row) -> f64);

/// The numbers of a row under their names in CSV; what has no value is NaN.
const COLUMNS: [Column; 10] = [
    ("return_mean", |row| row.mean),
    ("return_sd", |row| row.sd),
    ("return_se", |row| row.standard_error),
    ("return_min", |row| row.min),
    ("return_max", |row| row.max),
    ("length_mean", |row| row.length),
    ("forward_mean", |row| row.forward),
    ("still", |row| row.still.map_or(f64::NAN, f64::from)),
    ("episodes", |row| f64::from(row.episodes)),
    ("diverged", |row| f64::from(row.diverged)),
];

#[pymethods]
impl Table {
    /// Names of the parameters that the systems change.
    #[getter]
    fn parameters(&self) -> Vec<String> {
        self.results.parameters.clone()
    }

    /// The systems in physical units, `[systems, parameters]`.
    #[getter]
    fn phi<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (rows, width) = (self.results.rows.len(), self.results.parameters.len());
        let flat: Vec<f64> = self.results.rows.iter().flat_map(|row| row.phi.iter().copied()).collect();
        flat.into_pyarray(py).reshape([rows, width])
    }

    /// A column of results, `[systems]`, by its name in CSV.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let Some((_, of)) = COLUMNS.iter().find(|(other, _)| *other == name) else {
            let names = COLUMNS.map(|(name, _)| name).join("`, `");
            return Err(error::usage(format!("no column `{name}`; there are `{names}`")));
        };
        Ok(self.results.rows.iter().map(of).collect::<Vec<f64>>().into_pyarray(py))
    }

    /// Names of the columns of results.
    #[getter]
    fn columns(&self) -> Vec<&'static str> {
        COLUMNS.map(|(name, _)| name).to_vec()
    }

    /// The results under the nominal values of the parameters.
    #[getter]
    fn nominal<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(row) = &self.results.nominal else { return Ok(None) };
        let dict = PyDict::new(py);
        for (name, of) in COLUMNS {
            dict.set_item(name, of(row))?;
        }
        Ok(Some(dict))
    }

    /// What was evaluated, and how.
    #[getter]
    fn provenance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let from = &self.results.provenance;
        let dict = PyDict::new(py);
        let texts = [
            ("task", &from.task),
            ("physics", &from.physics),
            ("method", &from.method),
            ("policy", &from.policy),
            ("systems", &from.systems),
        ];
        for (name, text) in texts {
            dict.set_item(name, text)?;
        }
        dict.set_item("algorithm", &from.training.algorithm)?;
        dict.set_item("training_seed", from.training.seed)?;
        dict.set_item("seed", from.seed)?;
        dict.set_item("stochastic", from.stochastic)?;
        Ok(dict)
    }

    /// Mean, median, interquartile mean, CVaR of the worst tenth and the worst of the systems' mean returns.
    #[getter]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = self.results.statistics().map_err(|failure| error::broken(failure.to_string()))?;
        let dict = PyDict::new(py);
        let numbers = [
            ("mean", found.mean),
            ("median", found.median),
            ("iqm", found.iqm),
            ("cvar10", found.cvar10),
            ("worst", found.worst),
        ];
        for (name, value) in numbers {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// What random systems allow to say about all: systems, confidence, `worst` and `shares` as (share, at least), bounds on
    /// `mean` and `cvar10`, and the sentence.
    fn certificate<'py>(
        &self,
        py: Python<'py>,
        confidence: f64,
        lowest: Option<f64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let certainty = Certainty { confidence, lowest };
        let all = Certificate::all(std::slice::from_ref(&self.results), certainty);
        let all = all.map_err(|failure| error::usage(failure.to_string()))?;
        let dict = PyDict::new(py);
        for found in all {
            let pair = |bound: &Share| (bound.share, bound.at_least);
            dict.set_item("systems", found.systems)?;
            dict.set_item("confidence", found.confidence)?;
            dict.set_item("worst", found.worst.as_ref().map(pair))?;
            dict.set_item("shares", found.shares.iter().map(pair).collect::<Vec<_>>())?;
            dict.set_item("mean", found.mean)?;
            dict.set_item("cvar10", found.cvar10)?;
            dict.set_item("sentence", found.sentence())?;
        }
        Ok(dict)
    }

    /// The summary that the command line prints.
    fn summary(&self) -> String {
        summary(std::slice::from_ref(&self.results))
    }

    /// Writes the CSV file that the command line writes.
    fn to_csv(&self, path: &str) -> PyResult<()> {
        write_csv(Path::new(path), std::slice::from_ref(&self.results)).map_err(error::of_csv)
    }

    fn __len__(&self) -> usize {
        self.results.rows.len()
    }
}
