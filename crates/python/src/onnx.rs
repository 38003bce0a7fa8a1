//! Policies as ONNX files: the ten messages of `onnx.proto3` that a network needs, by their field numbers.

use prost::Message;

use crate::layers::{Ending, Layers};

/// Version of the file format that all runtimes since 2021 read.
const IR_VERSION: i64 = 8;
/// Version of the operators' meanings.
const OPSET: i64 = 13;
/// `TensorProto.DataType`.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
/// `AttributeProto.AttributeType.INT`.
const INT: i32 = 2;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<Opset>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Opset {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Message)]
struct Kind {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorKind>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorKind {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
struct Dim {
    // A `oneof` in the schema: one of the two is set.
    #[prost(int64, optional, tag = "1")]
    value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    parameter: Option<String>,
}

/// A graph in the making: each step takes the last one's output.
struct Chain {
    node: Vec<Node>,
    initializer: Vec<Tensor>,
    last: String,
}

impl Chain {
    /// An operator on the last output and on constants; what it gives is called `output`.
    fn then(&mut self, operator: &str, constants: &[&str], attributes: &[(&str, i64)], output: &str) {
        let mut input = vec![std::mem::replace(&mut self.last, output.to_owned())];
        input.extend(constants.iter().map(|&name| name.to_owned()));
        let attribute = |&(name, i): &(&str, i64)| Attribute { name: name.to_owned(), i, kind: INT };
        self.node.push(Node {
            input,
            output: vec![output.to_owned()],
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(attribute).collect(),
        });
    }

    fn constant(&mut self, name: &str, dims: &[usize], values: impl IntoIterator<Item = f32>) {
        self.initializer.push(Tensor {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data: values.into_iter().flat_map(f32::to_le_bytes).collect(),
        });
    }

    fn normalise(&mut self, policy: &Layers) {
        let width = policy.mean.len();
        self.constant("mean", &[width], policy.mean.iter().map(|&x| x as f32));
        self.constant("inverse_deviation", &[width], policy.inverse_deviation.iter().map(|&x| x as f32));
        self.then("Sub", &["mean"], &[], "centred");
        self.then("Mul", &["inverse_deviation"], &[], "scaled");
        if policy.clip.is_finite() {
            self.constant("least_input", &[], [-policy.clip as f32]);
            self.constant("largest_input", &[], [policy.clip as f32]);
            self.then("Clip", &["least_input", "largest_input"], &[], "normalised");
        }
    }

    fn layers(&mut self, policy: &Layers) {
        for (index, layer) in policy.layers.iter().enumerate() {
            let (weight, bias) = (format!("weight_{index}"), format!("bias_{index}"));
            self.constant(&weight, &[layer.outputs, layer.inputs], layer.weight.iter().copied());
            self.constant(&bias, &[layer.outputs], layer.bias.iter().copied());
            self.then("Gemm", &[&weight, &bias], &[("transB", 1)], &format!("layer_{index}"));
            if index + 1 < policy.layers.len() {
                let hidden = if policy.tanh { "Tanh" } else { "Relu" };
                self.then(hidden, &[], &[], &format!("hidden_{index}"));
            }
        }
    }

    fn ending(&mut self, ending: &Ending) {
        match ending {
            Ending::Choice => self.then("ArgMax", &[], &[("axis", 1), ("keepdims", 0)], "action"),
            Ending::Continuous { low, high, bounded } => {
                let width = low.len();
                if *bounded {
                    let (middle, half): (Vec<f32>, Vec<f32>) = low
                        .iter()
                        .zip(high)
                        .map(|(low, high)| ((0.5 * (low + high)) as f32, (0.5 * (high - low)) as f32))
                        .unzip();
                    self.constant("half", &[width], half);
                    self.constant("middle", &[width], middle);
                    self.then("Tanh", &[], &[], "squashed");
                    self.then("Mul", &["half"], &[], "stretched");
                    self.then("Add", &["middle"], &[], "moved");
                }
                self.constant("low", &[width], low.iter().map(|&x| x as f32));
                self.constant("high", &[width], high.iter().map(|&x| x as f32));
                // Clip takes one bound for all numbers, these two one for each.
                self.then("Max", &["low"], &[], "raised");
                self.then("Min", &["high"], &[], "action");
            }
        }
    }
}

fn value(name: &str, elem_type: i32, width: Option<usize>) -> Value {
    let batch = Dim { value: None, parameter: Some("batch".to_owned()) };
    let dim = std::iter::once(batch).chain(width.map(|n| Dim { value: Some(n as i64), parameter: None }));
    let shape = Some(Shape { dim: dim.collect() });
    let kind = Some(Kind { tensor_type: Some(TensorKind { elem_type, shape }) });
    Value { name: name.to_owned(), kind }
}

/// The file: `observation`, `[batch, inputs]` of 32-bit numbers, to `action`, `[batch, act_dim]` of the same, or `[batch]` of
/// 64-bit whole numbers. Normalisation and bounds are within.
pub(crate) fn file(policy: &Layers, metadata: Vec<(String, String)>) -> Vec<u8> {
    let mut chain = Chain { node: Vec::new(), initializer: Vec::new(), last: "observation".to_owned() };
    chain.normalise(policy);
    chain.layers(policy);
    chain.ending(&policy.ending);
    let output = match &policy.ending {
        Ending::Choice => value("action", INT64, None),
        Ending::Continuous { low, .. } => value("action", FLOAT, Some(low.len())),
    };
    let graph = Graph {
        node: chain.node,
        name: "policy".to_owned(),
        initializer: chain.initializer,
        input: vec![value("observation", FLOAT, Some(policy.mean.len()))],
        output: vec![output],
    };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "wr2l".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![Opset { domain: String::new(), version: OPSET }],
        metadata_props: metadata.into_iter().map(|(key, value)| Entry { key, value }).collect(),
    };
    model.encode_to_vec()
}
