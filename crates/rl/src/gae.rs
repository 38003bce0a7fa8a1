//! Generalised advantage estimation (Schulman et al. 2016).

use wr2l_sim::Outcome;

/// Advantages and value targets of one lane's stretch of transitions, which may span several episodes.
///
/// All slices have one entry a step, `[horizon]`:
/// - `rewards` r_t, `values` V(s_t) and `outcomes` of step t;
/// - `successors`: V(s_{t+1}) where the transition is the lane's last or its episode ended there by the time
///   limit, and is not read elsewhere (within an episode V(s_{t+1}) is `values[t + 1]`).
///
/// A terminal state is worth 0. **A time limit is not a terminal state**: the episode could have gone on, so its
/// last state is worth V. A diverged step has no successor and no reward: its advantage is 0 (learners leave it
/// out), and the steps before it count V of the state it started from.
///
/// Writes A_t = Σ_l (γλ)^l δ_{t+l} with δ_t = r_t + γ V(s_{t+1}) − V(s_t), summed up to the end of the episode,
/// into `advantages`, and the targets A_t + V(s_t) of the critic into `returns`.
///
/// # Panics
/// If the slices differ in length.
#[allow(clippy::too_many_arguments)]
pub fn generalised_advantages(
    gamma: f64,
    lambda: f64,
    rewards: &[f64],
    values: &[f32],
    outcomes: &[Outcome],
    successors: &[f32],
    advantages: &mut [f32],
    returns: &mut [f32],
) {
    let n = rewards.len();
    for len in [values.len(), outcomes.len(), successors.len(), advantages.len(), returns.len()] {
        assert_eq!(len, n, "one entry a step");
    }
    // The exponentially weighted sum of the errors after step t, within t's episode.
    let mut tail = 0.0_f64;
    for t in (0..n).rev() {
        let value = f64::from(values[t]);
        let (next, goes_on) = match outcomes[t] {
            Outcome::Running if t + 1 < n => (f64::from(values[t + 1]), true),
            Outcome::Running | Outcome::Truncated => (f64::from(successors[t]), false),
            Outcome::Terminated => (0.0, false),
            Outcome::Diverged(_) => {
                tail = 0.0;
                advantages[t] = 0.0;
                returns[t] = values[t];
                continue;
            }
        };
        let delta = rewards[t] + gamma * next - value;
        tail = delta + if goes_on { gamma * lambda * tail } else { 0.0 };
        advantages[t] = tail as f32;
        returns[t] = (tail + value) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_sim::Divergence;

    const R: Outcome = Outcome::Running;

    fn run(
        gamma: f64,
        lambda: f64,
        rewards: &[f64],
        values: &[f32],
        outcomes: &[Outcome],
        successors: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let mut advantages = vec![f32::NAN; rewards.len()];
        let mut returns = vec![f32::NAN; rewards.len()];
        generalised_advantages(
            gamma,
            lambda,
            rewards,
            values,
            outcomes,
            successors,
            &mut advantages,
            &mut returns,
        );
        (advantages, returns)
    }

    fn close(a: f32, b: f64) -> bool {
        (f64::from(a) - b).abs() < 1e-6
    }

    #[test]
    fn lambda_one_gives_discounted_returns_and_lambda_zero_one_step_errors() {
        let rewards = [1.0, 2.0, 3.0];
        let values = [0.5, 0.25, 0.125];
        let outcomes = [R, R, Outcome::Terminated];
        let nan = [f32::NAN; 3];
        let (_, returns) = run(0.9, 1.0, &rewards, &values, &outcomes, &nan);
        assert!(close(returns[0], 1.0 + 0.9 * (2.0 + 0.9 * 3.0)));
        assert!(close(returns[2], 3.0));
        let (advantages, _) = run(0.9, 0.0, &rewards, &values, &outcomes, &nan);
        assert!(close(advantages[0], 1.0 + 0.9 * 0.25 - 0.5));
        assert!(close(advantages[2], 3.0 - 0.125));
    }

    #[test]
    fn a_time_limit_bootstraps_and_a_terminal_state_does_not() {
        let successors = [10.0];
        let (_, truncated) = run(0.9, 0.95, &[1.0], &[0.0], &[Outcome::Truncated], &successors);
        let (_, running) = run(0.9, 0.95, &[1.0], &[0.0], &[R], &successors);
        let (_, terminated) = run(0.9, 0.95, &[1.0], &[0.0], &[Outcome::Terminated], &successors);
        assert!(close(truncated[0], 1.0 + 9.0) && close(running[0], 10.0) && close(terminated[0], 1.0));
    }

    #[test]
    fn nothing_flows_from_one_episode_into_the_one_before() {
        for end in [Outcome::Terminated, Outcome::Truncated] {
            let outcomes = [R, end, R, R];
            let successors = [0.0, 5.0, 0.0, 7.0];
            let values = [1.0; 4];
            let (a, _) = run(0.99, 0.95, &[1.0, 1.0, 1.0, 1.0], &values, &outcomes, &successors);
            let (b, _) = run(0.99, 0.95, &[1.0, 1.0, -9.0, 50.0], &values, &outcomes, &successors);
            assert_eq!(a[..2], b[..2], "{end:?}");
            assert_ne!(a[2..], b[2..]);
        }
    }

    #[test]
    fn a_diverged_step_contributes_nothing_and_cuts_the_episode() {
        let diverged = Outcome::Diverged(Divergence::State);
        let (a, r) = run(
            0.9,
            0.95,
            &[1.0, f64::NAN, 1.0],
            &[0.0, 4.0, 0.0],
            &[R, diverged, R],
            &[f32::NAN, f32::NAN, 2.0],
        );
        assert!(close(a[0], 1.0 + 0.9 * 4.0), "the step before counts V of the state it led to: {a:?}");
        assert_eq!((a[1], r[1]), (0.0, 4.0));
        assert!(close(a[2], 1.0 + 0.9 * 2.0));
    }

    #[test]
    fn an_exact_critic_leaves_no_advantage() {
        // V of a chain with reward 1 for ever: 1/(1 − γ).
        let v = 10.0_f32;
        let (a, r) = run(0.9, 0.95, &[1.0; 5], &[v; 5], &[R, R, Outcome::Truncated, R, R], &[v; 5]);
        assert!(a.iter().all(|&a| close(a, 0.0)) && r.iter().all(|&r| close(r, 10.0)), "{a:?} {r:?}");
    }
}
