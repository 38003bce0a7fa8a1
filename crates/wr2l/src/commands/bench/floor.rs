//! The least that a gradient step can take: its matrix products alone, at the rate that one core computes products at.

use std::time::{Duration, Instant};

use wr2l::nn::{InstructionSet, product};

/// Rows, terms and columns of the product whose rate counts: all of it lies in the first-level cache, and no other is faster.
const SHAPE: [usize; 3] = [64; 3];
/// Products between two looks at the clock.
const ROUND: usize = 64;

/// A product that is computed over and over.
pub(super) struct Products {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Products {
    pub(super) fn new() -> Self {
        let [rows, inner, columns] = SHAPE;
        Self { a: vec![0.3; rows * inner], b: vec![0.2; inner * columns], c: vec![0.0; rows * columns] }
    }

    /// Multiply-adds a microsecond, over about as long as `budget`.
    pub(super) fn rate(&mut self, budget: Duration) -> f64 {
        let (begun, mut done) = (Instant::now(), 0);
        loop {
            for _ in 0..ROUND {
                product(InstructionSet::detect(), SHAPE, &self.a, &self.b, std::hint::black_box(&mut self.c));
            }
            done += ROUND * SHAPE.iter().product::<usize>();
            let elapsed = begun.elapsed();
            if elapsed >= budget {
                return done as f64 / (1e6 * elapsed.as_secs_f64());
            }
        }
    }
}

/// Multiply-adds of a network with two hidden layers: of its first layer, of the second, of its outputs.
struct Layers([usize; 3]);

impl Layers {
    fn new(inputs: usize, width: usize, outputs: usize) -> Self {
        Self([inputs * width, width * width, width * outputs])
    }

    fn forward(&self) -> usize {
        self.0.iter().sum()
    }

    /// The gradient of the parameters. Nobody asks for that of the inputs.
    fn backward(&self) -> usize {
        2 * self.forward() - self.0[0]
    }
}

/// Multiply-adds of one sample in an update of PPO: policy and critic, forward and backward.
pub(super) fn of_ppo([observations, actions]: [usize; 2], width: usize) -> usize {
    let networks = [Layers::new(observations, width, actions), Layers::new(observations, width, 1)];
    networks.iter().map(|network| network.forward() + network.backward()).sum()
}

/// Multiply-adds of one sample in a gradient step of DDPG or TD3: targets by the slow copies and a step of each of so many
/// critics, and once in so many steps one of the actor through a critic.
pub(super) fn of_off_policy(
    [observations, actions]: [usize; 2],
    width: usize,
    critics: usize,
    actor_every: usize,
) -> usize {
    let actor = Layers::new(observations, width, actions);
    let critic = Layers::new(observations + actions, width, 1);
    let targets = actor.forward() + critics * critic.forward();
    let of_critics = critics * (critic.forward() + critic.backward());
    let through_critic = 2 * critic.forward();
    targets + of_critics + (actor.forward() + through_critic + actor.backward()) / actor_every
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiply_adds_are_those_that_are_counted_by_hand() {
        // Forward 11·64 + 64·64 + 64·3; backward the same for weights, and the last two for what they see.
        assert_eq!(of_ppo([11, 3], 64), (2 * 704 + 3 * 4096 + 3 * 192) + (2 * 704 + 3 * 4096 + 3 * 64));
        let (actor, critic) = ([2, 4, 2], [4, 4, 2]);
        let sum = |layers: [usize; 3]| layers.iter().sum::<usize>();
        // Widths of 2, one observation, one action: targets; critic; actor and critic forward, critic and actor backward.
        let by_hand =
            sum(actor) + sum(critic) + (3 * sum(critic) - 4) + sum(actor) + 2 * sum(critic) + 2 * sum(actor)
                - 2;
        assert_eq!(of_off_policy([1, 1], 2, 1, 1), by_hand);
        // Two critics, and the actor in every second step.
        let by_hand = sum(actor)
            + 2 * sum(critic)
            + 2 * (3 * sum(critic) - 4)
            + (sum(actor) + 2 * sum(critic) + 2 * sum(actor) - 2) / 2;
        assert_eq!(of_off_policy([1, 1], 2, 2, 2), by_hand);
    }
}
