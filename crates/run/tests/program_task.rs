//! Tasks that are code: their runs go on where a program makes them again, and nowhere else.

use std::path::Path;

use wr2l_rl::{Improvement, StopFlag};
use wr2l_run::{
    Ending, Layer, Observer, Plan, Progress, RunFolder, Saved, TaskRef, TrainOptions, Trained, train,
};
use wr2l_sim::{
    AnyTask, DynamicsSpace, Physics, SimError, SimSpec, Simulator, SweepRange, Task, TaskName, Usual,
};

/// The cart-pole as a program might bring it: nothing of it can be kept in a file.
#[derive(Debug)]
struct Coded {
    task: Task,
    identity: &'static str,
}

impl AnyTask for Coded {
    fn name(&self) -> &str {
        "coded-pole"
    }

    fn description(&self) -> &str {
        "Balance."
    }

    fn identity(&self) -> String {
        self.identity.to_owned()
    }

    fn spec(&self) -> SimSpec {
        self.task.spec()
    }

    fn space(&self) -> DynamicsSpace {
        self.task.space()
    }

    fn physics(&self) -> Vec<Physics> {
        AnyTask::physics(&self.task)
    }

    fn check_physics(&self, physics: Physics) -> Result<(), SimError> {
        AnyTask::check_physics(&self.task, physics)
    }

    fn simulator(&self, physics: Physics, vary: DynamicsSpace) -> Result<Simulator, SimError> {
        AnyTask::simulator(&self.task, physics, vary)
    }

    fn sweep(&self) -> &[SweepRange] {
        &[]
    }

    fn usual(&self) -> &[Usual] {
        &[]
    }
}

fn coded(identity: &'static str) -> TaskRef {
    TaskRef::new(Coded { task: Task::new(TaskName::CARTPOLE), identity }).unwrap()
}

/// Stops a run after its first iteration.
struct Stops(StopFlag);

impl Observer for Stops {
    fn iteration(&mut self, _: &Progress, _: &Improvement) {
        self.0.raise();
    }
}

fn trained(task: &TaskRef, to: &Path, options: &TrainOptions, observer: &mut dyn Observer) -> Trained {
    let layers = [
        Layer::argument("", "task", task.handle()),
        Layer::argument("", "algorithm", "ppo"),
        Layer::argument("", "steps", 9000),
    ];
    let plan = Plan::resolve(&layers).unwrap();
    train(&plan, &RunFolder::create(to, false).unwrap(), options, observer).unwrap()
}

fn policy(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("policy.safetensors")).unwrap()
}

#[test]
fn a_run_on_a_programs_task_goes_on_where_the_program_makes_it_again() {
    const TEXT: &str = "lines\nwith \"quotes\", '''three''' and \\\n";
    let root = tempfile::tempdir().unwrap();
    let (whole, stopped) = (root.path().join("whole"), root.path().join("stopped"));
    let task = coded(TEXT);
    trained(&task, &whole, &TrainOptions::default(), &mut ());
    let options = TrainOptions::default();
    let flag = options.stop.clone();
    assert_eq!(trained(&task, &stopped, &options, &mut Stops(flag)).ending, Ending::Interrupted);
    assert_ne!(policy(&stopped), policy(&whole));
    assert_eq!(TaskRef::of_program(&stopped), Some(("coded-pole".into(), TEXT.into())));
    task.forget();
    for other in [None, Some(coded("another"))] {
        let error = Saved::open(&stopped, false).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("is a program's"), "{error}");
        other.iter().for_each(TaskRef::forget);
    }
    let again = coded(TEXT);
    Saved::open(&stopped, false).unwrap().train(&TrainOptions::default(), &mut ()).unwrap();
    assert_eq!(policy(&stopped), policy(&whole));
    again.forget();
    assert!(Saved::open(&stopped, false).is_err(), "what was read from the folder is let go of as well");
}
