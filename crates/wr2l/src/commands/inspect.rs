//! `wr2l inspect`.

use wr2l::robot::{RobotModel, describe};
use wr2l::run::RunError;

use crate::cli::InspectArgs;
use crate::output::print;

pub(crate) fn run(args: &InspectArgs) -> Result<(), RunError> {
    let model = RobotModel::open(&args.model).map_err(|error| RunError::Usage(error.to_string()))?;
    print(&describe(&model))
}
