//! Networks that were trained elsewhere, written as ours are.

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::layers::{Ending, Layer, Layers};
use crate::{c_header, error, onnx};

/// What `wr2l.networks` hands over.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Parts<'py> {
    mean: Vec<f64>,
    inverse_deviation: Vec<f64>,
    clip: f64,
    /// `[outputs, inputs]` each.
    weights: Vec<PyReadonlyArray2<'py, f32>>,
    biases: Vec<PyReadonlyArray1<'py, f32>>,
    tanh: bool,
    /// Empty where the largest output is chosen.
    low: Vec<f64>,
    high: Vec<f64>,
    bounded: bool,
}

impl Parts<'_> {
    fn layers(&self) -> PyResult<Layers> {
        let misfit = || error::usage("a network's layers do not fit together");
        let mut width = self.mean.len();
        let mut layers = Vec::new();
        for (weight, bias) in self.weights.iter().zip(&self.biases) {
            let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
            if inputs != width || bias.len() != outputs {
                return Err(misfit());
            }
            width = outputs;
            let (weight, bias) = (weight.as_array(), bias.as_array());
            let (weight, bias) = (weight.iter().copied().collect(), bias.iter().copied().collect());
            layers.push(Layer { inputs, outputs, weight, bias });
        }
        let choice = self.low.is_empty();
        let fits = self.inverse_deviation.len() == self.mean.len()
            && self.weights.len() == self.biases.len()
            && self.low.len() == self.high.len()
            && (choice || self.low.len() == width);
        if layers.is_empty() || !fits {
            return Err(misfit());
        }
        let (low, high, bounded) = (self.low.clone(), self.high.clone(), self.bounded);
        Ok(Layers {
            mean: self.mean.clone(),
            inverse_deviation: self.inverse_deviation.clone(),
            clip: self.clip,
            layers,
            tanh: self.tanh,
            ending: if choice { Ending::Choice } else { Ending::Continuous { low, high, bounded } },
        })
    }
}

/// The ONNX file of a network, with `metadata` beside.
#[pyfunction]
pub(crate) fn network_onnx<'py>(
    py: Python<'py>,
    parts: Parts<'py>,
    metadata: Vec<(String, String)>,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &onnx::file(&parts.layers()?, metadata)))
}

/// The C header of a network, with the lines of `about` in the comment at its top.
#[pyfunction]
pub(crate) fn network_c(parts: Parts<'_>, about: Vec<String>) -> PyResult<String> {
    Ok(c_header::header(&parts.layers()?, &about))
}
