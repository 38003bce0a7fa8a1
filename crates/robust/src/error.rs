//! What can go wrong, with the numbers that made it go wrong.

use thiserror::Error;
use wr2l_rl::RlError;
use wr2l_sim::SimError;

/// Why a computation of this crate was refused or could not be finished.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum RobustError {
    /// An adversary's own policy could not be made or improved.
    #[error(transparent)]
    Learner(#[from] RlError),
    /// A vector or matrix has the wrong size.
    #[error("{what}: expected {expected} numbers, got {got}")]
    Dimension {
        /// What has the wrong size.
        what: &'static str,
        /// Its right size.
        expected: usize,
        /// Its size.
        got: usize,
    },
    /// A number is NaN or infinite.
    #[error("{what}: number {index} is {value}, which is not finite")]
    NotFinite {
        /// What the number belongs to.
        what: &'static str,
        /// Its position there, row by row.
        index: usize,
        /// The number.
        value: f64,
    },
    /// An option or parameter lies outside its range.
    #[error("{name} = {value} is not valid: {requirement}")]
    Parameter {
        /// Name of the option.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is valid.
        requirement: &'static str,
    },
    /// A matrix that must be symmetric is not.
    #[error(
        "{what} is not symmetric: entries ({row}, {column}) and ({column}, {row}) are {value} and {mirrored}"
    )]
    Asymmetric {
        /// Which matrix.
        what: &'static str,
        /// Row of the worst entry.
        row: usize,
        /// Column of the worst entry.
        column: usize,
        /// The entry.
        value: f64,
        /// The entry on the other side of the diagonal.
        mirrored: f64,
    },
    /// A covariance matrix has a negative eigenvalue.
    #[error("{what} has the negative eigenvalue {eigenvalue}: it is no covariance")]
    NotPositive {
        /// Which matrix.
        what: &'static str,
        /// Its smallest eigenvalue.
        eigenvalue: f64,
    },
    /// The Hessian of the Wasserstein distance has no positive trace, so that no ball exists.
    #[error(
        "the Hessian has trace {trace}: the varied parameters do not move the next state, \
         so no Wasserstein ball bounds them"
    )]
    NoCurvature {
        /// Trace of the symmetrised Hessian.
        trace: f64,
    },
    /// States cannot be set, so that no two transitions from one state can be compared.
    #[error(
        "this simulator cannot be put into a given state, so no Wasserstein distance can be measured on it: ask for a \
         ball by `half_width` (of relative changes of the parameters) with `measure = \"taylor\"`, or say how its state is \
         read and set"
    )]
    NoStates,
    /// The bounds of a coordinate do not contain the reference dynamics, z = 0.
    #[error("the bounds [{lower}, {upper}] of coordinate {index} do not contain 0, the reference dynamics")]
    Bounds {
        /// The coordinate.
        index: usize,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// A coordinate's reference value lies on its hard bound, so that it cannot be perturbed to both sides.
    #[error(
        "coordinate {index} cannot be perturbed to both sides of 0 within its bounds [{lower}, {upper}]: \
         use the gauss-newton Hessian, which steps to one side"
    )]
    NoRoom {
        /// The coordinate.
        index: usize,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// A numerical decomposition did not converge.
    #[error("the {what} did not converge")]
    Decomposition {
        /// Which decomposition.
        what: &'static str,
    },
    /// The simulator broke down under the given dynamics.
    #[error("physics diverged at z = {z:?}: {what}")]
    Diverged {
        /// The dynamics, in normalised coordinates.
        z: Vec<f64>,
        /// What was simulated, and how often it diverged.
        what: String,
    },
    /// The simulator refused a model, state or dynamics.
    #[error(transparent)]
    Sim(#[from] SimError),
}

/// Checks that `values` has `expected` finite numbers.
pub(crate) fn check_finite(what: &'static str, values: &[f64], expected: usize) -> Result<(), RobustError> {
    if values.len() != expected {
        return Err(RobustError::Dimension { what, expected, got: values.len() });
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(RobustError::NotFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

/// Checks that `values` has `expected` numbers.
pub(crate) fn check_dimension(
    what: &'static str,
    values: &[f64],
    expected: usize,
) -> Result<(), RobustError> {
    match values.len() {
        got if got == expected => Ok(()),
        got => Err(RobustError::Dimension { what, expected, got }),
    }
}

/// Checks that an option is finite and positive.
pub(crate) fn check_positive(name: &'static str, value: f64) -> Result<(), RobustError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(RobustError::Parameter { name, value, requirement: "it must be positive and finite" })
    }
}

/// Checks a share that may be nothing and must leave something.
pub(crate) fn check_share(name: &'static str, value: f64) -> Result<(), RobustError> {
    if (0.0..1.0).contains(&value) {
        Ok(())
    } else {
        Err(RobustError::Parameter { name, value, requirement: "it must lie in [0, 1)" })
    }
}

/// Checks a share that may be the whole and must not be nothing.
pub(crate) fn check_fraction(name: &'static str, value: f64) -> Result<(), RobustError> {
    if value > 0.0 && value <= 1.0 {
        Ok(())
    } else {
        Err(RobustError::Parameter { name, value, requirement: "it must lie in (0, 1]" })
    }
}
