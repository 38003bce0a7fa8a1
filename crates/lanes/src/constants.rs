//! Constants that follow from parameters, as plain numbers.

/// The constants that a fresh MuJoCo model of these parameters would hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// MuJoCo's `body_invweight0`, the world first: translational (1/kg) and rotational (1/(kg·m²)).
    pub body_inverse_weight: Vec<[f64; 2]>,
    /// MuJoCo's `dof_invweight0` (1/kg or 1/(kg·m²)).
    pub dof_inverse_weight: Vec<f64>,
    /// MuJoCo's `dof_M0`: the diagonal of the mass matrix (kg or kg·m²).
    pub dof_inertia: Vec<f64>,
    /// MuJoCo's `stat.meaninertia`: the mean of the diagonal.
    pub mean_inertia: f64,
}
