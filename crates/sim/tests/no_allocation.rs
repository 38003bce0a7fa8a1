//! Nothing in the loops of a rollout allocates. (What MuJoCo's C code allocates does not count.)

use allocation_counter::measure;
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Outcome, Physics, Simulator, Task, TaskName};

#[test]
fn rollouts_and_changes_of_dynamics_do_not_allocate() {
    let everything = TaskName::ALL
        .into_iter()
        .flat_map(|task| Physics::available(task).iter().map(move |&physics| (task, physics)));
    for (name, physics) in everything {
        let task = Task::new(name);
        let vary = task.space();
        let mut phi = vary.nominal();
        let mut sim = Simulator::new(task, Some(physics), vary).unwrap().batch(2).unwrap();
        let spec = sim.spec().clone();
        let actions = vec![0.0; 2 * spec.act_dim()];
        let (mut rewards, mut outcomes) = ([0.0; 2], [Outcome::Running; 2]);
        let mut observation = vec![0.0; spec.obs_dim];
        let mut state = vec![0.0; spec.state_dim()];
        let mut snapshot = vec![0.0; spec.snapshot_len];
        let forces = vec![1.0; 2 * spec.forces.len()];
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let counted = measure(|| {
            for round in 0..3 {
                for lane in 0..2 {
                    phi[0] *= 1.01;
                    sim.set_dynamics(lane, &phi).unwrap();
                    sim.reset(lane, &mut stream);
                }
                for _ in 0..5 {
                    sim.set_forces(0, &forces).unwrap();
                    sim.step(&actions, &[true, round != 1], &mut rewards, &mut outcomes);
                    sim.observe(0, &mut observation);
                    sim.state(0, &mut state);
                    sim.save(1, &mut snapshot);
                }
                sim.set_state(0, &state).unwrap();
                sim.restore(1, &snapshot).unwrap();
            }
        });
        assert_eq!(counted.count_total, 0, "{name} on {physics}");
    }
}
