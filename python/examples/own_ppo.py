"""PPO of one's own, in numpy, on the vector environment: every episode has a pole of another length."""

import numpy as np

import wr2l

LANES, HORIZON, EPOCHS, BATCH, CLIP, GAMMA, LAMBDA, RATE = 16, 128, 6, 256, 0.2, 0.99, 0.95, 3e-3
rng = np.random.default_rng(1)


def network(outputs: int) -> list[np.ndarray]:
    return [rng.normal(size=(4, 32)) / 2, np.zeros(32), rng.normal(size=(32, outputs)) * 0.01, np.zeros(outputs)]


def forward(weights: list[np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.tanh(x @ weights[0] + weights[1])
    return hidden, hidden @ weights[2] + weights[3]


def backward(weights: list[np.ndarray], x: np.ndarray, hidden: np.ndarray, out: np.ndarray) -> list[np.ndarray]:
    """The gradient by the weights, `out` being that by the outputs."""
    inner = (out @ weights[2].T) * (1.0 - hidden**2)
    return [x.T @ inner, inner.sum(0), hidden.T @ out, out.sum(0)]


class Adam:
    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights, self.t = weights, 0
        self.m, self.v = ([np.zeros_like(w) for w in weights] for _ in range(2))

    def step(self, gradient: list[np.ndarray]) -> None:
        self.t += 1
        for w, m, v, g in zip(self.weights, self.m, self.v, gradient, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g**2 - v)
            w -= RATE * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)


def probabilities(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


policy, critic = network(2), network(1)
optimisers = Adam(policy), Adam(critic)
env = wr2l.make_vec("cartpole", LANES, vary=["pole_half_length"], autoreset="SameStep")
seen, _ = env.reset(seed=1, options={"phi": {"pole_half_length": rng.uniform(0.3, 1.0, LANES)}})
lengths, finished = np.zeros(LANES), [0.0]
for iteration in range(12):
    data = {name: [] for name in ("seen", "action", "chance", "reward", "value", "end", "last")}
    for _ in range(HORIZON):
        chances = probabilities(forward(policy, seen)[1])
        action = (rng.random(LANES) < chances[:, 1]).astype(int)
        after, reward, terminated, truncated, info = env.step(action)
        over = terminated | truncated
        # What an episode that was cut off would still have earned.
        last = np.zeros(LANES)
        if truncated.any():
            last[truncated] = forward(critic, np.stack(info["final_obs"][truncated]))[1][:, 0]
        row = (seen, action, chances[np.arange(LANES), action], reward, forward(critic, seen)[1][:, 0], over, last)
        for values, value in zip(data.values(), row, strict=True):
            values.append(value)
        lengths += 1
        finished += lengths[over].tolist()
        lengths[over] = 0
        if over.any():
            env.set_phi({"pole_half_length": rng.uniform(0.3, 1.0, LANES)}, mask=over)
        seen = after
    advantage, following, next_value = np.zeros((HORIZON, LANES)), np.zeros(LANES), forward(critic, seen)[1][:, 0]
    for t in reversed(range(HORIZON)):
        alive = 1.0 - data["end"][t]
        delta = data["reward"][t] + GAMMA * (alive * next_value + data["last"][t]) - data["value"][t]
        following = advantage[t] = delta + GAMMA * LAMBDA * alive * following
        next_value = data["value"][t]
    x, action, chance = (np.concatenate(data[name]) for name in ("seen", "action", "chance"))
    target = (advantage + np.array(data["value"])).ravel()
    gain = (advantage.ravel() - advantage.mean()) / (advantage.std() + 1e-8)
    for _ in range(EPOCHS):
        for rows in np.split(rng.permutation(len(x)), len(x) // BATCH):
            hidden, logits = forward(policy, x[rows])
            chances = probabilities(logits)
            ratio = chances[np.arange(BATCH), action[rows]] / chance[rows]
            clipped = np.where(gain[rows] > 0, ratio > 1 + CLIP, ratio < 1 - CLIP)
            by_log = np.where(clipped, 0.0, -gain[rows] * ratio) / BATCH
            optimisers[0].step(backward(policy, x[rows], hidden, by_log[:, None] * (np.eye(2)[action[rows]] - chances)))
            hidden, value = forward(critic, x[rows])
            optimisers[1].step(backward(critic, x[rows], hidden, (value - target[rows, None]) / BATCH))
    print("iteration", iteration, "mean length of the last episodes", round(np.mean(finished[-30:]), 1))

mine = wr2l.Network([policy[0].T, policy[2].T], [policy[1], policy[3]], "tanh")
print("mean returns", wr2l.evaluate(mine, "cartpole", sweep={"pole_half_length": "0.3:1:4"})["return_mean"].round())
