//! Symmetric random perturbations ξ that fit between hard bounds.

use wr2l_rng::Stream;

use crate::RobustError;
use crate::error::check_positive;

/// Standard deviations within which a perturbation must fit before σ is left alone: 8 cut off 1e-15 of the mass.
const ROOM: f64 = 8.0;

/// Standard deviations that a coordinate with little room keeps.
const TIGHT: f64 = 3.0;

/// The distribution of one coordinate of ξ: normal with standard deviation σ (Prop. 1, Prop. 2), and where the room
/// `b` to both sides is smaller than 8σ, the same cut off at ±b, with σ lowered to b/3 if it is larger.
///
/// It is always symmetric, so antithetic pairs stay pairs. The estimators divide by its true moments, so they stay
/// unbiased for the functions they are meant for, linear and quadratic ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coordinate {
    sigma: f64,
    bound: f64,
    /// `E ξ²`; 0 for a coordinate without room.
    pub(crate) second: f64,
    /// `E ξ⁴`.
    pub(crate) fourth: f64,
}

impl Coordinate {
    /// The distribution with standard deviation `sigma` in an interval `[−room, room]`, `room` at least 0.
    pub(crate) fn new(sigma: f64, room: f64) -> Result<Self, RobustError> {
        check_positive("sigma", sigma)?;
        if room >= ROOM * sigma {
            let second = sigma * sigma;
            return Ok(Self { sigma, bound: room, second, fourth: 3.0 * second * second });
        }
        let sigma = sigma.min(room / TIGHT);
        if sigma <= 0.0 {
            return Ok(Self { sigma: 0.0, bound: 0.0, second: 0.0, fourth: 0.0 });
        }
        // Moments of the normal distribution cut off at ±c standard deviations, by Simpson's rule.
        let c = room / sigma;
        let intervals = 1000;
        let mut moments = [0.0; 3];
        for k in 0..=intervals {
            let x = c * k as f64 / intervals as f64;
            let weight = match k {
                0 => 1.0,
                _ if k == intervals => 1.0,
                _ if k % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let density = weight * (-0.5 * x * x).exp();
            moments[0] += density;
            moments[1] += density * x * x;
            moments[2] += density * x.powi(4);
        }
        let second = sigma * sigma * moments[1] / moments[0];
        let fourth = sigma.powi(4) * moments[2] / moments[0];
        Ok(Self { sigma, bound: room, second, fourth })
    }

    /// Draws a value.
    pub(crate) fn sample(&self, stream: &mut Stream) -> f64 {
        if self.second == 0.0 {
            return 0.0;
        }
        loop {
            let value = self.sigma * stream.normal();
            if value.abs() <= self.bound {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_rng::{Purpose, StreamKey};

    #[test]
    fn with_room_it_is_the_normal_distribution() {
        let c = Coordinate::new(0.1, f64::INFINITY).unwrap();
        assert!((c.second - 0.01).abs() < 1e-17 && (c.fourth - 3e-4).abs() < 1e-17);
        // The moments do not jump where the cut sets in.
        let (wide, cut) = (Coordinate::new(0.1, 0.8).unwrap(), Coordinate::new(0.1, 0.7999).unwrap());
        assert!((wide.second / cut.second - 1.0).abs() < 1e-9);
        assert!((wide.fourth / cut.fourth - 1.0).abs() < 1e-9);
    }

    #[test]
    fn moments_are_those_of_the_samples() {
        for (sigma, room) in [(0.1, 0.25), (1.0, 0.3), (0.1, 10.0)] {
            let c = Coordinate::new(sigma, room).unwrap();
            let mut stream = StreamKey::new(1, Purpose::Test).stream();
            let n = 100_000;
            let (mut second, mut fourth) = (0.0, 0.0);
            for _ in 0..n {
                let x = c.sample(&mut stream);
                assert!(x.abs() <= room);
                second += x * x;
                fourth += x.powi(4);
            }
            let n = f64::from(n);
            // Five standard errors of a normal distribution's moments.
            assert!((second / n / c.second - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
            assert!((fourth / n / c.fourth - 1.0).abs() < 5.0 * (96.0 / 9.0 / n).sqrt());
        }
    }

    #[test]
    fn no_room_is_no_perturbation_and_no_sigma_an_error() {
        let c = Coordinate::new(0.1, 0.0).unwrap();
        assert_eq!(c.sample(&mut StreamKey::new(1, Purpose::Test).stream()), 0.0);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Coordinate::new(bad, 1.0).is_err());
        }
    }
}
