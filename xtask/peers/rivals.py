"""What the others do: answers a name per line on standard input with a number per line on standard output.

Called by `compare.py`, which keeps one such process per kind, so that imports are not measured. Every number is of
work for about as many seconds as the first argument says. The kinds:

mujoco/TASK             environment steps/s that bare `mj_step` allows: random actions, frame skip, Gymnasium's resets
batch/TASK/THREADS      environment steps/s of MuJoCo's own batch: random actions, frame skip, Gymnasium's resets
envpool/TASK/THREADS    environment steps/s of EnvPool under ready-made random actions
torch/update/MINIBATCH  microseconds of one PPO update in PyTorch, on one thread
sb3/ddpg/WIDTH          microseconds of one gradient step of its DDPG, on one thread: two layers, batches of as many
sb3/td3/WIDTH           the same of its TD3, whose actor moves in every second step
sb3/ppo/hopper          steps/s of a whole PPO training with Stable-Baselines3's defaults
"""

import pathlib
import sys
import time

SECONDS = float(sys.argv[1])
# Model, frame skip, noise of a reset, and steps of an episode.
FILES = {
    "hopper": ("hopper.xml", 4, 5e-3, 1000),
    "walker2d": ("walker2d_v5.xml", 4, 5e-3, 1000),
    "half-cheetah": ("half_cheetah.xml", 5, 0.1, 1000),
    "inverted-pendulum": ("inverted_pendulum.xml", 2, 0.01, 1000),
    "ant": ("ant.xml", 5, 0.1, 1000),
    "humanoid": ("humanoid.xml", 5, 0.01, 1000),
    "humanoid-standup": ("humanoidstandup.xml", 5, 0.01, 1000),
    "inverted-double-pendulum": ("inverted_double_pendulum.xml", 5, 0.1, 1000),
    "reacher": ("reacher.xml", 2, 0.1, 50),
    "swimmer": ("swimmer.xml", 4, 0.1, 1000),
}
ENVIRONMENTS = {
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "half-cheetah": "HalfCheetah-v5",
    "inverted-pendulum": "InvertedPendulum-v5",
    "ant": "Ant-v5",
    "humanoid": "Humanoid-v5",
    "humanoid-standup": "HumanoidStandup-v5",
    "inverted-double-pendulum": "InvertedDoublePendulum-v5",
    "reacher": "Reacher-v5",
    "swimmer": "Swimmer-v5",
}


def healthy(task, qpos):
    """Of one robot's positions, or of many, `[nq, robots]`."""
    if task == "hopper":
        return (qpos[1] > 0.7) & (abs(qpos[2]) < 0.2)
    if task == "walker2d":
        return (qpos[1] > 0.8) & (qpos[1] < 2.0) & (abs(qpos[2]) < 1.0)
    if task == "inverted-pendulum":
        return abs(qpos[1]) < 0.2
    if task == "ant":
        return (qpos[2] >= 0.2) & (qpos[2] <= 1.0)
    if task == "humanoid":
        return (qpos[2] > 1.0) & (qpos[2] < 2.0)
    if task == "inverted-double-pendulum":
        import numpy as np

        return 0.6 * (np.cos(qpos[1]) + np.cos(qpos[1] + qpos[2])) > 1.0
    return True


def mujoco_steps(task):
    """Only the calls of mj_step are timed: what Python does between them is no part of the bare rate."""
    import gymnasium
    import mujoco
    import numpy as np

    file, skip, noise, episode = FILES[task]
    folder = pathlib.Path(gymnasium.__file__).parent / "envs/mujoco/assets"
    model = mujoco.MjModel.from_xml_path(str(folder / file))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    low, high = model.actuator_ctrlrange.T
    actions = rng.uniform(low, high, (4096, model.nu))

    def sample():
        spent, steps, since_reset = 0.0, 0, episode
        while spent < SECONDS:
            if since_reset == episode or not healthy(task, data.qpos):
                mujoco.mj_resetData(model, data)
                data.qpos[:] += rng.uniform(-noise, noise, model.nq)
                data.qvel[:] += rng.uniform(-noise, noise, model.nv)
                since_reset = 0
            data.ctrl[:] = actions[steps % 4096]
            start = time.perf_counter()
            mujoco.mj_step(model, data, skip)
            spent += time.perf_counter() - start
            steps += 1
            since_reset += 1
        return steps / spent

    return sample


def batch_steps(task, threads):
    """`mujoco.batch`: 64 robots at a time, actions that lie ready, and those that fell put back in one call."""
    import gymnasium
    import mujoco
    import mujoco.batch
    import numpy as np

    file, skip, noise, episode = FILES[task]
    folder = pathlib.Path(gymnasium.__file__).parent / "envs/mujoco/assets"
    model = mujoco.MjModel.from_xml_path(str(folder / file))
    robots, rng = 64, np.random.default_rng(0)
    batch = mujoco.batch.Batch(model, nsim=robots, nthread=int(threads))
    qpos, qvel, ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
    low, high = model.actuator_ctrlrange.T
    actions = rng.uniform(low, high, (256, robots, model.nu))
    age = np.full(robots, episode)

    def sample():
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            for _ in range(8):
                fallen = np.flatnonzero((age == episode) | np.logical_not(healthy(task, qpos.T)))
                if len(fallen):
                    batch.reset(ids=fallen, stage=0)
                    qpos[fallen] += rng.uniform(-noise, noise, (len(fallen), model.nq))
                    qvel[fallen] += rng.uniform(-noise, noise, (len(fallen), model.nv))
                    age[fallen] = 0
                ctrl[:] = actions[done % 256]
                batch.step(nstep=skip)
                age[:] += 1
                done += 1
        return done * robots / (time.perf_counter() - start)

    return sample


def envpool_steps(task, threads):
    """Its asynchronous mode with twice the environments that are stepped at a time, faster than its synchronous."""
    import envpool
    import numpy as np

    batch = 32
    environments = envpool.make(
        ENVIRONMENTS[task], env_type="gymnasium", num_envs=2 * batch, batch_size=batch, num_threads=int(threads)
    )
    space, rng = environments.action_space, np.random.default_rng(0)
    actions = rng.uniform(space.low, space.high, (256, batch, *space.shape)).astype(space.dtype)
    environments.async_reset()

    def sample():
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            for _ in range(8):
                info = environments.recv()[-1]
                environments.send(actions[done % 256], info["env_id"])
                done += 1
        return done * batch / (time.perf_counter() - start)

    return sample


def torch_update(minibatch):
    """CleanRL's continuous-action PPO: two tanh networks of 2x64, Hopper's shapes, passes over 2,048 samples."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    minibatch, rows, obs_dim, act_dim = int(minibatch), 2048, 11, 3

    def network(outputs, gain):
        def layer(inputs, outputs, gain):
            linear = nn.Linear(inputs, outputs)
            nn.init.orthogonal_(linear.weight, gain)
            nn.init.zeros_(linear.bias)
            return linear

        return nn.Sequential(
            layer(obs_dim, 64, 2**0.5), nn.Tanh(), layer(64, 64, 2**0.5), nn.Tanh(), layer(64, outputs, gain)
        )

    policy, critic, log_std = network(act_dim, 0.01), network(1, 1.0), nn.Parameter(torch.zeros(1, act_dim))
    parameters = [*policy.parameters(), log_std, *critic.parameters()]
    adam = torch.optim.Adam(parameters, lr=3e-4, eps=1e-5)
    inputs, actions = torch.randn(rows, obs_dim), torch.randn(rows, act_dim)
    advantages, returns, values = torch.randn(rows), torch.randn(rows), torch.randn(rows)
    with torch.no_grad():
        old_log_probs = torch.distributions.Normal(policy(inputs), log_std.exp()).log_prob(actions).sum(1)

    def update(chosen):
        distribution = torch.distributions.Normal(policy(inputs[chosen]), log_std.expand(len(chosen), -1).exp())
        ratio = (distribution.log_prob(actions[chosen]).sum(1) - old_log_probs[chosen]).exp()
        advantage = advantages[chosen]
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        policy_loss = torch.max(-advantage * ratio, -advantage * ratio.clamp(0.8, 1.2)).mean()
        value = critic(inputs[chosen]).view(-1)
        clipped = values[chosen] + (value - values[chosen]).clamp(-0.2, 0.2)
        value_loss = 0.5 * torch.max((value - returns[chosen]) ** 2, (clipped - returns[chosen]) ** 2).mean()
        loss = policy_loss - 0.0 * distribution.entropy().sum(1).mean() + 0.5 * value_loss
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        adam.step()

    def sample():
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            order = torch.randperm(rows)
            for begin in range(0, rows, minibatch):
                update(order[begin : begin + minibatch])
                done += 1
        return 1e6 * (time.perf_counter() - start) / done

    return sample


def sb3_training(task):
    """PPO's defaults: one environment, 2,048 steps a batch, 10 passes, minibatches of 64."""
    import gymnasium
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", gymnasium.make(ENVIRONMENTS[task]), device="cpu", seed=0)

    def sample():
        steps = 2048
        start = time.perf_counter()
        model.learn(steps)
        return steps / (time.perf_counter() - start)

    return sample


def sb3_off_policy(algorithm, width):
    import gymnasium
    import stable_baselines3
    import torch

    width = int(width)
    model = getattr(stable_baselines3, algorithm)(
        "MlpPolicy",
        gymnasium.make(ENVIRONMENTS["hopper"]),
        batch_size=width,
        learning_starts=1000,
        policy_kwargs={"net_arch": [width, width]},
        device="cpu",
        seed=0,
    )
    model.learn(1001)

    def sample():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            model.train(gradient_steps=8, batch_size=width)
            done += 8
        spent = time.perf_counter() - start
        torch.set_num_threads(threads)
        return 1e6 * spent / done

    return sample


KINDS = {
    "mujoco": mujoco_steps,
    "batch": batch_steps,
    "envpool": envpool_steps,
    "torch/update": torch_update,
    "sb3/ppo": sb3_training,
    "sb3/ddpg": lambda width: sb3_off_policy("DDPG", width),
    "sb3/td3": lambda width: sb3_off_policy("TD3", width),
}

samplers = {}
for line in sys.stdin:
    name = line.strip()
    if name not in samplers:
        kind = next(kind for kind in KINDS if name.startswith(kind + "/"))
        samplers[name] = KINDS[kind](*name[len(kind) + 1 :].split("/"))
        samplers[name]()  # What is only done once is not measured.
    print(samplers[name](), flush=True)
