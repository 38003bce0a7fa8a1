//! A policy's parameters as the tensors of its file.

use std::borrow::Cow;

use safetensors::Dtype;
use safetensors::tensor::View;
use wr2l_nn::Policy;

/// The flat parameters as named tensors.
pub(super) fn weights(policy: &Policy, params: &[f32]) -> Vec<Tensor> {
    let tensor = |name: String, shape: Vec<usize>, values: &mut dyn Iterator<Item = f32>| Tensor {
        name,
        dtype: Dtype::F32,
        shape,
        bytes: values.flat_map(f32::to_le_bytes).collect(),
    };
    let mut tensors = Vec::new();
    let mut rest = params;
    let sizes = policy.mlp().sizes();
    let last = sizes.len() - 2;
    for (layer, pair) in sizes.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let (weight, after) = rest.split_at(inputs * outputs);
        let (bias, after) = after.split_at(outputs);
        rest = after;
        let entry = |r: usize, c: usize| {
            if layer == last { weight[r * inputs + c] } else { weight[c * outputs + r] }
        };
        let mut entries =
            (0..outputs).flat_map(|r| (0..inputs).map(move |c| (r, c))).map(|(r, c)| entry(r, c));
        tensors.push(tensor(format!("policy.{layer}.weight"), vec![outputs, inputs], &mut entries));
        tensors.push(tensor(format!("policy.{layer}.bias"), vec![outputs], &mut bias.iter().copied()));
    }
    if !rest.is_empty() {
        tensors.push(tensor("policy.log_std".into(), vec![rest.len()], &mut rest.iter().copied()));
    }
    tensors
}

/// Numbers with a name and a shape.
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
