//! `wr2l certify`: an evaluation on random systems, and what it allows to say about all of them.

use wr2l::eval::Certainty;
use wr2l::run::RunError;

use super::evaluate;
use crate::cli::{AgainArgs, CertifyArgs, EvaluateArgs};

pub(crate) fn run(args: &CertifyArgs) -> Result<(), RunError> {
    let certainty = Certainty { confidence: args.confidence, lowest: args.lowest };
    if !(0.5..1.0).contains(&args.confidence) {
        return Err(RunError::Usage(format!("--confidence {}: it lies in [0.5, 1)", args.confidence)));
    }
    let evaluation = EvaluateArgs {
        best: false,
        runs: args.runs.clone(),
        random: Some(args.systems),
        within: args.within,
        half_width: args.half_width,
        vary: args.vary.clone(),
        ball: args.ball.clone(),
        systems_seed: args.systems_seed,
        episodes: args.episodes,
        seed: args.seed,
        output: args.output.clone(),
        force: args.force,
        physics: args.physics.clone(),
        threads: args.threads,
        json: args.json,
        sweep: Vec::new(),
        worst_case: false,
        budget: None,
        search: None,
        stochastic: false,
        resume: false,
        again: AgainArgs { requeue: false },
    };
    evaluate::with_certainty(&evaluation, certainty)
}
