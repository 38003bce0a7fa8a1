//! Which player of a run reads which key of the plan. It is stated here once: what a plan's file holds, what of two plans
//! has to agree for them to be the same run, and which settings are refused because nothing would come of them, follow
//! from it.

use toml::Table;
use wr2l_rl::NoiseKind;
use wr2l_robust::HessianMethod;
use wr2l_robust::adversary::Shape;
use wr2l_robust::gradient::GradientEstimator;
use wr2l_robust::phase_one::SearchKind;

use super::keys::{is_within, leaves, lookup, nested, overlay, remove};
use super::{AdversaryKind as Kind, LearnerKind as Learner, Plan};

/// Keys, and all below them, that some plans have no reader for.
struct Row {
    keys: &'static [&'static str],
    /// Whether this plan has one.
    read: fn(&Plan) -> bool,
    /// Who it would be: what "only … reads it" is said of.
    reader: &'static str,
}

/// A key is read if every row that it falls under says so; one under no row always is.
const ROWS: &[Row] = &[
    Row { keys: &["ppo"], read: |plan| plan.learner == Learner::Ppo, reader: "the learner `ppo`" },
    Row { keys: &["trpo"], read: |plan| plan.learner == Learner::Trpo, reader: "the learner `trpo`" },
    Row { keys: &["ddpg"], read: |plan| plan.learner == Learner::Ddpg, reader: "the learner `ddpg`" },
    Row { keys: &["td3"], read: |plan| plan.learner == Learner::Td3, reader: "the learner `td3`" },
    Row {
        keys: &["ppo.critic_sees_dynamics", "ddpg.critic_sees_dynamics", "td3.critic_sees_dynamics"],
        read: Plan::draws_dynamics,
        reader: "a critic whose lanes have different dynamics",
    },
    Row {
        keys: &["trpo.lanes", "trpo.horizon"],
        read: |plan| plan.trpo.episodes == 0,
        reader: "a learner whose batches are no whole episodes (`trpo.episodes = 0`)",
    },
    Row {
        keys: &["adversary.force.trpo.lanes", "adversary.force.trpo.horizon"],
        read: |plan| plan.adversary.force.trpo.episodes == 0,
        reader: "an opponent whose batches are no whole episodes (`adversary.force.trpo.episodes = 0`)",
    },
    Row {
        keys: &["ddpg.target_noise_clip"],
        read: |plan| plan.ddpg.target_noise > 0.0,
        reader: "a learner with `ddpg.target_noise`",
    },
    Row {
        keys: &["td3.target_noise_clip"],
        read: |plan| plan.td3.target_noise > 0.0,
        reader: "a learner with `td3.target_noise`",
    },
    Row {
        keys: &["ddpg.noise.theta", "ddpg.noise.dt"],
        read: |plan| plan.ddpg.noise.kind == NoiseKind::OrnsteinUhlenbeck,
        reader: "`ddpg.noise.kind = \"ornstein-uhlenbeck\"`",
    },
    Row {
        keys: &["ddpg.noise.factor", "ddpg.noise.every"],
        read: |plan| plan.ddpg.noise.kind == NoiseKind::Parameters,
        reader: "`ddpg.noise.kind = \"parameters\"`",
    },
    Row {
        keys: &["td3.noise.theta", "td3.noise.dt"],
        read: |plan| plan.td3.noise.kind == NoiseKind::OrnsteinUhlenbeck,
        reader: "`td3.noise.kind = \"ornstein-uhlenbeck\"`",
    },
    Row {
        keys: &["td3.noise.factor", "td3.noise.every"],
        read: |plan| plan.td3.noise.kind == NoiseKind::Parameters,
        reader: "`td3.noise.kind = \"parameters\"`",
    },
    Row {
        keys: &["stop.entropy_below"],
        read: |plan| !plan.learner.replays(),
        reader: "a learner whose policy has an entropy (`ppo`, `trpo`)",
    },
    Row {
        keys: &["vary"],
        read: Plan::draws_dynamics,
        reader: "an adversary that chooses dynamics (any but `nominal`, `force` and `action`)",
    },
    Row {
        keys: &["ball"],
        read: Plan::trains_in_ball,
        reader: "an adversary that plays in the ball (any but `nominal`, `force` and `action`; `uniform` and `cvar` \
                 unless `adversary.region.shape = \"box\"`)",
    },
    Row {
        keys: &["ball.gauss_newton"],
        // The zero-order Hessian's pairs are chosen by it.
        read: |plan| plan.ball.hessian == HessianMethod::GaussNewton || plan.ball.pairs.target_error > 0.0,
        reader: "`ball.hessian = \"gauss-newton\"`, or `ball.pairs.target_error` above 0",
    },
    Row {
        keys: &["ball.pairs.most_steps", "ball.pairs.largest_share"],
        read: |plan| plan.ball.pairs.target_error > 0.0,
        reader: "`ball.pairs.target_error` above 0",
    },
    Row {
        keys: &["ball.zero_order"],
        read: |plan| plan.ball.hessian == HessianMethod::ZeroOrder,
        reader: "`ball.hessian = \"zero-order\"`",
    },
    Row {
        keys: &["adversary.lane_steps", "adversary.every"],
        read: Plan::takes_turns,
        reader: "an adversary that chooses anew (`boundary`, `wasserstein`, `population`, `tail`, `force`; all in the \
                 ball while `adversary.epsilon_ramp` grows it)",
    },
    Row {
        keys: &["adversary.epsilon_ramp"],
        read: Plan::trains_in_ball,
        reader: "an adversary that plays in the ball",
    },
    Row {
        keys: &["adversary.episodes", "adversary.return_discount"],
        read: |plan| matches!(plan.adversary.kind, Kind::Wasserstein | Kind::Population | Kind::Tail),
        reader: "an adversary that measures returns (`wasserstein`, `population`, `tail`)",
    },
    Row {
        keys: &[
            "adversary.worst_cases",
            "adversary.nominal_share",
            "adversary.uniform_share",
            "adversary.phase_one",
        ],
        read: |plan| plan.adversary.kind == Kind::Wasserstein,
        reader: "the adversary `wasserstein`",
    },
    Row {
        keys: &["adversary.phase_one.surrogate"],
        read: |plan| plan.adversary.phase_one.search == SearchKind::Surrogate,
        reader: "`adversary.phase_one.search = \"surrogate\"`",
    },
    Row {
        keys: &[
            "adversary.phase_one.max_inner",
            "adversary.phase_one.start",
            "adversary.phase_one.starts",
            "adversary.phase_one.gradient_tolerance",
            "adversary.phase_one.gap_tolerance",
            "adversary.phase_one.gradient",
            "adversary.phase_one.line_search",
        ],
        read: |plan| plan.adversary.phase_one.search == SearchKind::Gradient,
        reader: "`adversary.phase_one.search = \"gradient\"`",
    },
    Row {
        keys: &["adversary.phase_one.start"],
        read: |plan| plan.adversary.phase_one.starts == 1,
        reader: "an inner loop with one start (`adversary.phase_one.starts = 1`)",
    },
    Row {
        keys: &["adversary.phase_one.gradient.ridge"],
        read: |plan| plan.adversary.phase_one.gradient.estimator == GradientEstimator::LeastSquares,
        reader: "`adversary.phase_one.gradient.estimator = \"least-squares\"`",
    },
    Row {
        keys: &["adversary.phase_one.line_search.c1", "adversary.phase_one.line_search.c2"],
        read: |plan| plan.adversary.phase_one.line_search.max_trials > 0,
        reader: "a line search with trials (`adversary.phase_one.line_search.max_trials`)",
    },
    Row {
        keys: &["adversary.population"],
        read: |plan| plan.adversary.kind == Kind::Population,
        reader: "the adversary `population`",
    },
    Row {
        keys: &["adversary.tail"],
        read: |plan| plan.adversary.kind == Kind::Tail,
        reader: "the adversary `tail`",
    },
    Row {
        keys: &["adversary.region"],
        read: Plan::draws_from_region,
        reader: "an adversary that draws from a region (`uniform`, `cvar`)",
    },
    Row {
        keys: &["adversary.region.half_width", "adversary.region.ranges"],
        read: |plan| plan.adversary.region.shape == Shape::Box,
        reader: "`adversary.region.shape = \"box\"`",
    },
    Row {
        keys: &["adversary.region.half_width"],
        read: |plan| !plan.vary.iter().all(|name| plan.adversary.region.ranges.contains_key(name)),
        reader: "a parameter without a range of its own",
    },
    Row {
        keys: &["adversary.cvar"],
        read: |plan| plan.adversary.kind == Kind::Cvar,
        reader: "the adversary `cvar`",
    },
    Row {
        keys: &["adversary.action"],
        read: |plan| plan.adversary.kind == Kind::Action,
        reader: "the adversary `action`",
    },
    Row {
        keys: &["adversary.force"],
        read: |plan| plan.adversary.kind == Kind::Force,
        reader: "the adversary `force`",
    },
];

impl Plan {
    /// Whether somebody in this run reads `key`. True for keys that do not exist.
    pub(crate) fn reads(&self, key: &str) -> bool {
        self.reader_missing(key).is_none()
    }

    /// Who reads `key`, if nobody in this run does.
    pub(super) fn reader_missing(&self, key: &str) -> Option<&'static str> {
        let mut rows = ROWS.iter().filter(|row| row.keys.iter().any(|at| is_within(key, at)));
        rows.find(|row| !(row.read)(self)).map(|row| row.reader)
    }

    /// The plan with the values of `preset` where nobody reads them: two plans that agree in all that is read are equal.
    pub(super) fn without_the_unread(self, preset: &Table) -> Self {
        let Ok(mut table) = Table::try_from(&self) else { return self };
        for (key, _) in leaves(&table).into_iter().chain(leaves(preset)) {
            // What varies gives the arrays of a run's checkpoints their length: plans of earlier versions keep it.
            if key == "vary" || self.reads(&key) {
                continue;
            }
            match lookup(preset, &key) {
                Some(value) => overlay(&mut table, &nested(&key, value.clone())),
                None => remove(&mut table, &key),
            }
        }
        table.try_into().unwrap_or(self)
    }

    /// Takes out what nobody reads.
    pub(super) fn keep_the_read(&self, table: &mut Table) {
        for (key, _) in leaves(&*table) {
            if key != "vary" && !self.reads(&key) {
                remove(table, &key);
            }
        }
        remove_empty(table, self);
    }

    /// Whether episodes run under other dynamics than the reference.
    fn draws_dynamics(&self) -> bool {
        self.adversary.kind.needs_ball()
    }

    /// Whether the adversary draws from `adversary.region`.
    fn draws_from_region(&self) -> bool {
        matches!(self.adversary.kind, Kind::Uniform | Kind::Cvar)
    }

    /// Whether the run's dynamics are those of the Wasserstein ball.
    pub fn trains_in_ball(&self) -> bool {
        let boxed = self.draws_from_region() && self.adversary.region.shape == Shape::Box;
        self.adversary.kind.needs_ball() && !boxed
    }

    /// Whether a turn of the adversary can change anything.
    pub(super) fn takes_turns(&self) -> bool {
        match self.adversary.kind {
            Kind::Nominal | Kind::Action => false,
            Kind::Uniform | Kind::Cvar => self.trains_in_ball() && self.adversary.epsilon_ramp > 0.0,
            Kind::Boundary | Kind::Wasserstein | Kind::Population | Kind::Tail | Kind::Force => true,
        }
    }
}

/// Takes out the tables that hold nothing any more, unless they are somebody's without keys (`adversary.region.ranges`).
fn remove_empty(table: &mut Table, plan: &Plan) {
    fn prune(table: &mut Table, prefix: &str, plan: &Plan) {
        let names: Vec<String> = table.keys().cloned().collect();
        for name in names {
            let key = format!("{prefix}{name}");
            let Some(toml::Value::Table(inner)) = table.get_mut(&name) else { continue };
            prune(inner, &format!("{key}."), plan);
            if inner.is_empty() && !plan.reads(&key) {
                table.remove(&name);
            }
        }
    }
    prune(table, "", plan);
}
