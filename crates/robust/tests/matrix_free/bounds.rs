//! What hard bounds cost, and that the unit of parameters says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn a_point_beyond_the_ball_comes_to_its_surface_straight() {
    let mut stream = stream(6);
    let mut ball = sparse(random(9, 5, &mut stream), 0.01, 0.2, (&[-1e9; 5], &[1e9; 5]));
    for far in [1.001, 3.0, 1e6] {
        let mut z = vec![0.0; 5];
        ball.boundary(&mut stream, &mut z).unwrap();
        let mut pulled: Vec<f64> = z.iter().map(|z| far * z).collect();
        ball.pull_inside(&mut pulled).unwrap();
        assert!(ball.contains(&pulled) && difference(&z, &pulled) < 1e-8, "{z:?} {pulled:?}");
    }
}

/// A matrix whose products `Jᵀu` are counted: one for each product of the Hessian.
#[derive(Clone, Debug)]
struct Counted(Matrix, Arc<AtomicUsize>);

impl Jacobian for Counted {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn forward(&mut self, v: &[f64], out: &mut [f64]) {
        self.0.forward(v, out);
    }

    fn backward(&mut self, u: &[f64], out: &mut [f64]) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.backward(u, out);
    }

    fn squares(&mut self, out: &mut [f64]) {
        self.0.squares(out);
    }
}

#[test]
fn every_product_is_counted_and_bounds_cost_but_a_few() {
    let mut all = 0;
    for case in 0..40 {
        let mut stream = stream(3000 + case);
        let matrix = random(30, 20, &mut stream);
        let (lower, upper): (Vec<f64>, Vec<f64>) =
            (0..20).map(|_| (-stream.uniform(0.01, 0.3), stream.uniform(0.01, 0.3))).unzip();
        let made = Arc::new(AtomicUsize::new(0));
        let mut ball = sparse(Counted(matrix, made.clone()), 1e-3, 0.3, (&lower, &upper));
        let g = normal(20, &mut stream);
        let before = made.load(Ordering::Relaxed);
        let worst = ball.minimiser(&g, &mut [0.0; 20]).unwrap().unwrap();
        assert_eq!(worst.products, made.load(Ordering::Relaxed) - before, "{case}");
        all += worst.products;
    }
    assert!(all < 4900, "{all}");
}

/// In powers of two, so that nothing is rounded otherwise.
#[test]
fn the_worst_point_goes_with_the_unit_of_the_parameters_to_the_bit() {
    let mut cut = 0;
    for case in 0..40 {
        let mut stream = stream(4000 + case);
        let matrix = random(30, 20, &mut stream);
        let bounds: Vec<f64> = (0..20).map(|_| stream.uniform(0.01, 0.3)).collect();
        let g = normal(20, &mut stream);
        let mut worst = |unit: f64| {
            let upper: Vec<f64> = bounds.iter().map(|b| b * unit).collect();
            let lower: Vec<f64> = upper.iter().map(|b| -b).collect();
            let mut ball = sparse(Matrix(&matrix.0 / unit), 1e-3, 0.3, (&lower, &upper));
            let mut z = vec![0.0; 20];
            cut += usize::from(ball.minimiser(&g, &mut z).unwrap().unwrap().bounded);
            z.iter().map(|z| z / unit).collect::<Vec<_>>()
        };
        let plain = worst(1.0);
        for unit in [2_f64.powi(30), 2_f64.powi(-30)] {
            assert_eq!(plain, worst(unit), "{case}");
        }
    }
    assert!(cut > 60, "{cut}");
}
