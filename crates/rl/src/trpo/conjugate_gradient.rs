//! Solving A·x = b where A is known by its products alone.

/// What came of [`conjugate_gradient`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Solved {
    /// The approximate solution; the best so far where the method had to stop early.
    pub(crate) x: Vec<f64>,
    /// ‖b − A·x‖/‖b‖, as the recurrence tracks it.
    pub(crate) residual: f64,
}

/// Residual, relative to ‖b‖, at which the solution is good enough for a direction in f32.
const ENOUGH: f64 = 1e-6;

/// At most `steps` steps of conjugate gradient from x = 0 for a symmetric positive definite A, whose product with its
/// first argument `product` writes into its second (Hestenes & Stiefel 1952).
///
/// Stops early, with what it has, where a product is not finite or the curvature pᵀAp along a direction is not
/// positive: numerically A is then not positive definite. `None` if it has nothing: b is zero or not finite, or the
/// first product is already of that kind.
pub(crate) fn conjugate_gradient(
    b: &[f64],
    steps: usize,
    mut product: impl FnMut(&[f64], &mut [f64]),
) -> Option<Solved> {
    let squared = dot(b, b);
    if !(squared > 0.0 && squared.is_finite()) {
        return None;
    }
    let (mut x, mut r, mut p) = (vec![0.0; b.len()], b.to_vec(), b.to_vec());
    let mut a_p = vec![0.0; b.len()];
    let mut rr = squared;
    for step in 0..steps {
        product(&p, &mut a_p);
        let curvature = dot(&p, &a_p);
        let alpha = rr / curvature;
        if !(curvature > 0.0 && curvature.is_finite() && alpha.is_finite()) {
            if step == 0 {
                return None;
            }
            break;
        }
        for i in 0..b.len() {
            x[i] += alpha * p[i];
            r[i] -= alpha * a_p[i];
        }
        let next = dot(&r, &r);
        let beta = next / rr;
        rr = next;
        if rr <= ENOUGH * ENOUGH * squared {
            break;
        }
        for i in 0..b.len() {
            p[i] = r[i] + beta * p[i];
        }
    }
    x.iter().all(|v| v.is_finite()).then(|| Solved { x, residual: (rr / squared).sqrt() })
}

/// Σ aᵢbᵢ in order.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn diagonal(d: Vec<f64>) -> impl FnMut(&[f64], &mut [f64]) {
        move |p, out| (0..d.len()).for_each(|i| out[i] = d[i] * p[i])
    }

    proptest! {
        #[test]
        fn a_well_conditioned_system_is_solved_in_as_many_steps_as_dimensions(
            d in prop::collection::vec(0.5_f64..5.0, 1..8),
            seed in prop::collection::vec(-3.0_f64..3.0, 8),
        ) {
            let b = &seed[..d.len()];
            prop_assume!(dot(b, b) > 1e-3);
            let solved = conjugate_gradient(b, d.len() + 2, diagonal(d.clone())).unwrap();
            for i in 0..d.len() {
                prop_assert!((solved.x[i] - b[i] / d[i]).abs() < 1e-5 * dot(b, b).sqrt());
            }
        }

        #[test]
        fn whatever_the_conditioning_the_solution_is_finite_and_points_uphill(
            exponents in prop::collection::vec(-300.0_f64..300.0, 1..12),
            seed in prop::collection::vec(-3.0_f64..3.0, 12),
        ) {
            let d: Vec<f64> = exponents.iter().map(|e| 10.0_f64.powf(*e)).collect();
            let b = &seed[..d.len()];
            if let Some(solved) = conjugate_gradient(b, 10, diagonal(d)) {
                prop_assert!(solved.x.iter().all(|v| v.is_finite()));
                prop_assert!(dot(b, &solved.x) >= 0.0);
            }
        }
    }

    #[test]
    fn nothing_to_solve_is_none() {
        for b in [vec![], vec![0.0; 3], vec![f64::NAN, 1.0], vec![f64::INFINITY, 1.0]] {
            assert_eq!(conjugate_gradient(&b, 10, |p, out| out.copy_from_slice(p)), None, "{b:?}");
        }
        for curvature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                conjugate_gradient(&[1.0, 2.0], 10, diagonal(vec![curvature; 2])),
                None,
                "{curvature}"
            );
        }
    }

    #[test]
    fn negative_curvature_found_later_ends_it_with_what_was_found() {
        let solved = conjugate_gradient(&[1.0, 0.1], 10, diagonal(vec![2.0, -1.0])).unwrap();
        assert!(solved.x.iter().all(|v| v.is_finite()) && dot(&solved.x, &[1.0, 0.1]) > 0.0);
    }
}
