//! A policy's parameters, and arrays of a learner's state, as the tensors of a file.

use std::borrow::Cow;

use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensors};
use wr2l_nn::Policy;
use wr2l_rl::{Array, State};

/// The flat parameters as named tensors; refuses those of convolutions.
pub(super) fn weights(policy: &Policy, params: &[f32]) -> Result<Vec<Tensor>, String> {
    if policy.network().convolutions().is_some() {
        return Err("a policy's file holds dense layers, and this policy has convolutions".into());
    }
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
    Ok(tensors)
}

/// Arrays of a state, by their names in it.
pub(crate) fn arrays(state: &State<'_>) -> Vec<Tensor> {
    let tensor = |(name, array): (&str, &Array<'_>)| {
        let (dtype, bytes) = match array {
            Array::F32(values) => (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Array::F64(values) => (Dtype::F64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Array::U64(values) => (Dtype::U64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Array::U8(values) => (Dtype::U8, values.to_vec()),
        };
        Tensor { name: name.to_owned(), dtype, shape: vec![array.len()], bytes }
    };
    state.arrays().map(tensor).collect()
}

/// The arrays of a file whose names begin with `prefix`, without it; of kinds that a state has.
pub(crate) fn state_of(file: &SafeTensors<'_>, prefix: &str) -> State<'static> {
    let mut state = State::default();
    for (name, tensor) in file.iter() {
        let Some(name) = name.strip_prefix(prefix) else { continue };
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => {
                let numbers = data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                state.put(name, numbers.collect::<Vec<f32>>());
            }
            Dtype::F64 => {
                let numbers = data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
                state.put(name, numbers.collect::<Vec<f64>>());
            }
            Dtype::U64 => {
                let numbers = data.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
                state.put(name, numbers.collect::<Vec<u64>>());
            }
            Dtype::U8 => state.put(name, data.to_vec()),
            _ => {}
        }
    }
    state
}

/// Numbers with a name and a shape.
pub(crate) struct Tensor {
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

#[cfg(test)]
mod tests {
    use wr2l_nn::{Convolution, Convolutions, Image};

    use super::*;

    #[test]
    fn a_policy_with_convolutions_is_refused_rather_than_written_without_them() {
        let image = Image { height: 4, width: 4, channels: 1 };
        let shape = Convolution { filters: 2, kernel: 2, stride: 2, padding: 0 };
        let convolutions = Convolutions::new(image, &[shape]).unwrap();
        let dense = Policy::categorical(16, &[3], 2).unwrap();
        assert!(weights(&dense, &vec![0.0; dense.parameters()]).is_ok());
        let policy = dense.with_convolutions(convolutions).unwrap();
        let refused = weights(&policy, &vec![0.0; policy.parameters()]).err().unwrap();
        assert!(refused.contains("convolutions"), "{refused}");
    }
}
