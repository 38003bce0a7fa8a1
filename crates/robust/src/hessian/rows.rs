//! Square matrices as lists of rows in files.

use nalgebra::DMatrix;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<S: Serializer>(matrix: &DMatrix<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    let rows: Vec<Vec<f64>> = matrix.row_iter().map(|row| row.iter().copied().collect()).collect();
    rows.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DMatrix<f64>, D::Error> {
    let rows = Vec::<Vec<f64>>::deserialize(deserializer)?;
    let dim = rows.len();
    if rows.iter().any(|row| row.len() != dim) {
        return Err(D::Error::custom("a square matrix has as many numbers in a row as rows"));
    }
    Ok(DMatrix::from_fn(dim, dim, |i, j| rows[i][j]))
}
