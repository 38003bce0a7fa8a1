//! Orthogonal initial weights.

use wr2l_rng::Stream;

/// Fills `weights` `[rows, columns]` with `gain` times a uniformly random matrix whose rows, or columns if
/// there are fewer of them, are orthonormal (Saxe et al. 2014).
///
/// Gram–Schmidt on a Gaussian matrix, done twice per vector, which keeps orthogonality at rounding level;
/// it leaves the diagonal of R positive, which makes the result uniform (Mezzadri 2007). In f64.
pub(crate) fn orthogonal(rows: usize, columns: usize, gain: f64, stream: &mut Stream, weights: &mut [f32]) {
    debug_assert_eq!(weights.len(), rows * columns);
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors = vec![0.0; count * length];
    for i in 0..count {
        let (before, rest) = vectors.split_at_mut(i * length);
        let vector = &mut rest[..length];
        loop {
            stream.fill_normal(vector);
            let drawn = norm(vector);
            for _ in 0..2 {
                for other in before.chunks_exact(length) {
                    let along = dot(vector, other);
                    vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
                }
            }
            let left = norm(vector);
            // Draw again in the (never seen) case that the vector lies in the span of the others.
            if left > 1.0e-9 * drawn {
                vector.iter_mut().for_each(|v| *v /= left);
                break;
            }
        }
    }
    for r in 0..rows {
        for c in 0..columns {
            let entry = if rows <= columns { vectors[r * length + c] } else { vectors[c * length + r] };
            weights[r * columns + c] = (gain * entry) as f32;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_rng::{Purpose, StreamKey};

    #[test]
    fn rows_or_columns_are_orthogonal_with_the_gain_as_length() {
        for (rows, columns) in [(1, 1), (3, 64), (64, 3), (11, 64), (64, 64), (5, 1)] {
            let mut weights = vec![f32::NAN; rows * columns];
            let mut stream = StreamKey::new(5, Purpose::Test).stream();
            orthogonal(rows, columns, 1.5, &mut stream, &mut weights);
            let entry = |i: usize, k: usize| {
                f64::from(if rows <= columns { weights[i * columns + k] } else { weights[k * columns + i] })
            };
            let (count, length) = (rows.min(columns), rows.max(columns));
            for i in 0..count {
                for j in 0..=i {
                    let product: f64 = (0..length).map(|k| entry(i, k) * entry(j, k)).sum();
                    let expected = if i == j { 2.25 } else { 0.0 };
                    assert!((product - expected).abs() < 1.0e-6, "{rows}×{columns} ({i}, {j}): {product}");
                }
            }
        }
    }

    #[test]
    fn entries_have_both_signs_on_the_diagonal() {
        // Without a sign convention R's diagonal would decide the signs and bias the matrix.
        let mut positive = 0;
        for seed in 0..200 {
            let mut weights = [0.0];
            orthogonal(1, 1, 1.0, &mut StreamKey::new(seed, Purpose::Test).stream(), &mut weights);
            positive += usize::from(weights[0] > 0.0);
        }
        // Binomial(200, ½): outside 65..135 with probability below 1e-6.
        assert!((65..135).contains(&positive), "{positive} of 200");
    }
}
