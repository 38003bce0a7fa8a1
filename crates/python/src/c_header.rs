//! Policies as a C header: the weights, and one function that acts. It needs C99 and its mathematics library.

use std::fmt::Write;

use crate::layers::{Ending, Layers};

/// An array in C, some numbers a line. `{:e}` has the fewest digits that identify a number.
fn array(text: &mut String, kind: &str, name: &str, values: &[String]) {
    let _ = writeln!(text, "static const {kind} {name}[{}] = {{", values.len());
    for line in values.chunks(8) {
        let _ = writeln!(text, "    {},", line.join(", "));
    }
    text.push_str("};\n");
}

fn doubles(values: &[f64]) -> Vec<String> {
    values.iter().map(|value| format!("{value:e}")).collect()
}

fn floats(values: &[f32]) -> Vec<String> {
    values.iter().map(|value| format!("{value:e}f")).collect()
}

/// The header, whose comment at the top holds the lines of `about`.
pub(crate) fn header(policy: &Layers, about: &[String]) -> String {
    let inputs = policy.mean.len();
    let outputs = policy.layers.last().map_or(0, |layer| layer.outputs);
    let actions = if matches!(policy.ending, Ending::Choice) { 1 } else { outputs };
    let widest = policy.layers.iter().map(|layer| layer.outputs).chain([inputs]).max().unwrap_or(0);
    let mut text = String::from("/* A control policy, written by wr2l.\n *\n");
    for line in about {
        let _ = writeln!(text, " * {}", line.replace("*/", "* /"));
    }
    text.push_str(" */\n#ifndef WR2L_POLICY_H\n#define WR2L_POLICY_H\n\n#include <math.h>\n\n");
    let _ = writeln!(text, "#define WR2L_OBSERVATION {inputs}\n#define WR2L_ACTION {actions}\n");
    array(&mut text, "double", "wr2l_mean", &doubles(&policy.mean));
    array(&mut text, "double", "wr2l_inverse_deviation", &doubles(&policy.inverse_deviation));
    for (index, layer) in policy.layers.iter().enumerate() {
        array(&mut text, "float", &format!("wr2l_weight_{index}"), &floats(&layer.weight));
        array(&mut text, "float", &format!("wr2l_bias_{index}"), &floats(&layer.bias));
    }
    if let Ending::Continuous { low, high, .. } = &policy.ending {
        array(&mut text, "double", "wr2l_low", &doubles(low));
        array(&mut text, "double", "wr2l_high", &doubles(high));
    }
    text.push_str("\n/* The action for an observation. */\n");
    text.push_str("static inline void wr2l_act(const double observation[WR2L_OBSERVATION], ");
    text.push_str("double action[WR2L_ACTION]) {\n");
    let _ = writeln!(text, "    float x[{widest}], y[{widest}];");
    text.push_str("    for (int i = 0; i < WR2L_OBSERVATION; i++) {\n");
    text.push_str("        double z = (observation[i] - wr2l_mean[i]) * wr2l_inverse_deviation[i];\n");
    if policy.clip.is_finite() {
        let clip = policy.clip;
        let _ = writeln!(text, "        z = z > {clip:e} ? {clip:e} : z < -{clip:e} ? -{clip:e} : z;");
    }
    text.push_str("        x[i] = (float)z;\n    }\n");
    for (index, layer) in policy.layers.iter().enumerate() {
        let (n, m) = (layer.outputs, layer.inputs);
        let _ = writeln!(text, "    for (int i = 0; i < {n}; i++) {{");
        let _ = writeln!(text, "        float sum = wr2l_bias_{index}[i];");
        let _ = writeln!(
            text,
            "        for (int j = 0; j < {m}; j++) sum += wr2l_weight_{index}[i * {m} + j] * x[j];"
        );
        let hidden = match (index + 1 < policy.layers.len(), policy.tanh) {
            (false, _) => "sum",
            (true, true) => "tanhf(sum)",
            (true, false) => "sum > 0.0f ? sum : 0.0f",
        };
        let _ = writeln!(text, "        y[i] = {hidden};\n    }}");
        let _ = writeln!(text, "    for (int i = 0; i < {n}; i++) x[i] = y[i];");
    }
    match &policy.ending {
        Ending::Choice => {
            text.push_str("    int best = 0;\n");
            let _ =
                writeln!(text, "    for (int i = 1; i < {outputs}; i++) best = x[i] > x[best] ? i : best;");
            text.push_str("    action[0] = best;\n");
        }
        Ending::Continuous { bounded, .. } => {
            text.push_str("    for (int i = 0; i < WR2L_ACTION; i++) {\n        double a = x[i];\n");
            if *bounded {
                text.push_str("        double middle = 0.5 * (wr2l_low[i] + wr2l_high[i]);\n");
                text.push_str(
                    "        a = middle + 0.5 * (wr2l_high[i] - wr2l_low[i]) * (double)tanhf(x[i]);\n",
                );
            }
            text.push_str(
                "        action[i] = a < wr2l_low[i] ? wr2l_low[i] : a > wr2l_high[i] ? wr2l_high[i] : a;\n",
            );
            text.push_str("    }\n");
        }
    }
    text.push_str("}\n\n#endif\n");
    text
}
