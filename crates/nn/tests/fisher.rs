//! Forward-mode derivatives and Fisher-vector products against finite differences.

use wr2l_nn::{Activation, Head, InstructionSet, Mlp, Policy};
use wr2l_rng::{Purpose, StreamKey};

fn normals(len: usize, lane: u64, scale: f64) -> Vec<f32> {
    let mut stream = StreamKey::new(17, Purpose::Test).lane(lane).stream();
    (0..len).map(|_| (scale * stream.normal()) as f32).collect()
}

fn moved(params: &[f32], direction: &[f32], by: f64) -> Vec<f32> {
    params.iter().zip(direction).map(|(p, d)| (f64::from(*p) + by * f64::from(*d)) as f32).collect()
}

#[test]
fn the_tangent_is_the_derivative_along_the_direction() {
    // ReLU has kinks, which the differences straddle: a quarter of the step halves that error.
    for (instructions, activation, h) in [
        (InstructionSet::detect(), Activation::Tanh, 2e-3),
        (InstructionSet::portable(), Activation::Tanh, 2e-3),
        (InstructionSet::detect(), Activation::Relu, 1e-4),
    ] {
        for sizes in [&[3, 2][..], &[4, 9, 3], &[5, 16, 7, 2], &[2, 8, 8, 8, 1]] {
            let mlp = Mlp::with_instructions(sizes, instructions).unwrap().with_activation(activation);
            let rows = 9;
            let params = normals(mlp.parameters(), 1, 0.5);
            let direction = normals(mlp.parameters(), 2, 1.0);
            let inputs = normals(rows * mlp.inputs(), 3, 1.0);
            let mut cache = mlp.cache(rows);
            let mut outputs = |h: f64| {
                mlp.forward(&moved(&params, &direction, h), &inputs, &mut cache);
                cache.outputs().to_vec()
            };
            let (above, below) = (outputs(h), outputs(-h));
            mlp.forward(&params, &inputs, &mut cache);
            let mut tangent = vec![f32::NAN; rows * mlp.outputs()];
            mlp.tangent(&params, &direction, &inputs, &mut cache, &mut tangent);
            let size = tangent.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            for i in 0..tangent.len() {
                let numeric = f64::from(above[i] - below[i]) / (2.0 * h);
                let error = (numeric - f64::from(tangent[i])).abs();
                assert!(error < 4e-3 * f64::from(size), "{sizes:?}: {numeric} against {}", tangent[i]);
            }
        }
    }
}

#[test]
fn tangent_and_gradient_are_adjoint() {
    // ⟨c, J·v⟩ = ⟨Jᵀ·c, v⟩ for any c and v.
    let mlp = Mlp::new(&[6, 64, 64, 3]).unwrap();
    let rows = 70;
    let params = normals(mlp.parameters(), 1, 0.2);
    let inputs = normals(rows * mlp.inputs(), 3, 1.0);
    let mut cache = mlp.cache(rows);
    mlp.forward(&params, &inputs, &mut cache);
    let (v, c) = (normals(mlp.parameters(), 4, 1.0), normals(rows * mlp.outputs(), 5, 1.0));
    let mut tangent = vec![0.0; rows * mlp.outputs()];
    mlp.tangent(&params, &v, &inputs, &mut cache, &mut tangent);
    let mut gradient = vec![0.0; mlp.parameters()];
    mlp.backward(&params, &inputs, &c, &mut cache, &mut gradient, None);
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum() };
    let (left, right) = (dot(&c, &tangent), dot(&gradient, &v));
    let scale = (dot(&tangent, &tangent) * dot(&c, &c)).sqrt();
    assert!((left - right).abs() < 1e-5 * scale, "{left} against {right}");
}

/// The Hessian of the mean KL at `params` by second differences: KL and its gradient vanish there, so that
/// vᵀHv ≈ (KL(θ + hv) + KL(θ − hv))/h²; mixed entries by polarisation.
fn kl_hessian(policy: &Policy, params: &[f32], observations: &[f32]) -> Vec<Vec<f64>> {
    let rows = observations.len() / policy.mlp().inputs();
    let (mut old, mut new) = (policy.cache(rows), policy.cache(rows));
    policy.forward(params, observations, &mut old);
    let h = 0.02;
    let mut curvature = |entries: &[usize]| {
        let mut direction = vec![0.0; params.len()];
        entries.iter().for_each(|&i| direction[i] += 1.0);
        let mut kl = |h: f64| {
            let there = moved(params, &direction, h);
            policy.forward(&there, observations, &mut new);
            policy.mean_kl((params, &old), (&there, &new))
        };
        (kl(h) + kl(-h)) / (h * h)
    };
    let diagonal: Vec<f64> = (0..params.len()).map(|i| curvature(&[i])).collect();
    let mut hessian = vec![vec![0.0; params.len()]; params.len()];
    for i in 0..params.len() {
        for j in 0..=i {
            let entry =
                if i == j { diagonal[i] } else { 0.5 * (curvature(&[i, j]) - diagonal[i] - diagonal[j]) };
            hessian[i][j] = entry;
            hessian[j][i] = entry;
        }
    }
    hessian
}

#[test]
fn the_fisher_product_is_the_hessian_of_the_kl_times_the_vector() {
    for (head, outputs) in [(Head::Gaussian, 2), (Head::Bounded, 2), (Head::Categorical, 3)] {
        for hidden in [&[][..], &[4], &[4, 3]] {
            let policy = Policy::new(head, 3, hidden, outputs, InstructionSet::detect()).unwrap();
            let params = normals(policy.parameters(), 1, 0.4);
            let rows = 12;
            let observations = normals(rows * 3, 2, 1.0);
            let hessian = kl_hessian(&policy, &params, &observations);
            let largest = hessian.iter().flatten().fold(0.0_f64, |a, b| a.max(b.abs()));
            let mut cache = policy.cache(rows);
            policy.forward(&params, &observations, &mut cache);
            for column in 0..params.len() {
                let mut unit = vec![0.0; params.len()];
                unit[column] = 1.0;
                let mut product = vec![0.0; params.len()];
                policy.fisher_product(&params, &observations, &unit, &mut cache, &mut product);
                for row in 0..params.len() {
                    let exact = f64::from(product[row]) / rows as f64;
                    let error = (exact - hessian[row][column]).abs();
                    assert!(
                        error < 3e-3 * largest,
                        "{head:?} {hidden:?} ({row}, {column}): {exact} against {}",
                        hessian[row][column]
                    );
                }
            }
        }
    }
}

#[test]
fn the_fisher_matrix_is_symmetric_and_positive_semi_definite_on_wide_networks() {
    let policy = Policy::gaussian(11, &[64, 64], 3).unwrap();
    let params = normals(policy.parameters(), 1, 0.2);
    let observations = normals(100 * 11, 2, 1.0);
    let mut cache = policy.cache(100);
    policy.forward(&params, &observations, &mut cache);
    let mut product = |v: &[f32]| {
        let mut out = vec![0.0; v.len()];
        policy.fisher_product(&params, &observations, v, &mut cache, &mut out);
        out
    };
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    for i in 0..5 {
        let (u, v) = (normals(policy.parameters(), 10 + i, 1.0), normals(policy.parameters(), 20 + i, 1.0));
        let (fu, fv) = (product(&u), product(&v));
        assert!(dot(&u, &fu) > 0.0);
        let scale = (dot(&u, &fu) * dot(&v, &fv)).sqrt();
        assert!((dot(&u, &fv) - dot(&v, &fu)).abs() < 1e-5 * scale);
    }
}
