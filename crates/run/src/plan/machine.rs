//! On which machines a plan may be carried out.

use serde::{Deserialize, Serialize};
use wr2l_nn::InstructionSet;

use super::Plan;
use crate::error::RunError;

/// The vector instructions that networks and physics compute with. Machines with the same ones come to the same bits
/// (`docs/machines.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instructions {
    /// Those of machines with AVX2 and FMA, those with AVX-512 among them.
    Avx2,
    /// Those of all others.
    Portable,
}

impl Instructions {
    /// Its name in plans and summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

impl Plan {
    /// Checks that this machine is one that the plan may be carried out on.
    ///
    /// # Errors
    /// [`RunError::Failed`] if the plan asks for other instructions.
    pub(crate) fn check_machine(&self) -> Result<(), RunError> {
        self.check_instructions(InstructionSet::detect().bits())
    }

    fn check_instructions(&self, here: &str) -> Result<(), RunError> {
        match self.instructions.map(Instructions::as_str) {
            Some(asked) if asked != here => Err(RunError::Failed(format!(
                "the plan asks for a machine that computes with `{asked}` (its key `instructions`), and this one computes \
                 with `{here}`: other numbers would come out"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Layer;

    #[test]
    fn a_plan_that_asks_for_instructions_is_refused_by_machines_with_others_and_keeps_its_wish() {
        let plan = |more: &[&str]| {
            let sets = more.iter().map(|set| Layer::set(set).unwrap());
            let layers: Vec<Layer> =
                std::iter::once(Layer::argument("", "task", "cartpole")).chain(sets).collect();
            Plan::resolve(&layers)
        };
        let free = plan(&[]).unwrap();
        assert!(!free.to_toml().contains("instructions"), "plans of before are as they were");
        let machines = ["avx2", "portable"];
        assert!(machines.iter().all(|here| free.check_instructions(here).is_ok()));
        for asked in machines {
            let pinned = plan(&[&format!("instructions={asked}")]).unwrap();
            assert!(pinned.to_toml().contains(&format!("instructions = \"{asked}\"\n")));
            for here in machines {
                let checked = pinned.check_instructions(here);
                assert_eq!(checked.is_ok(), asked == here, "{asked} on {here}");
                assert!(checked.err().is_none_or(|error| !error.is_usage()));
            }
        }
        assert!(free.check_machine().is_ok());
        let error = plan(&["instructions=sse"]).unwrap_err().to_string();
        assert!(error.contains("avx2") && error.contains("portable"), "{error}");
    }
}
