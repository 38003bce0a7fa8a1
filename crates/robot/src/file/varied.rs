//! From `[vary.NAME]` to what varies.

use super::choices::{Distribution, Elements, Operation};
use super::mistake::Mistake;
use super::tables::{TaskFile, Varied};
use crate::field::Op;
use crate::quantity::Quantity;
use crate::selector::Selector;
use crate::vary::{Draw, Vary};

impl TaskFile {
    /// What varies, in the order of the file, before a model is known.
    ///
    /// # Errors
    /// [`Mistake`] for a selector or quantity that is not written as such.
    pub fn variations(&self) -> Result<Vec<Vary>, Mistake> {
        self.vary.iter().map(|varied| self.variation(varied)).collect()
    }

    fn variation(&self, varied: &Varied) -> Result<Vary, Mistake> {
        let Varied { name, table } = varied;
        let refuse = |key: &str, message: String| self.mistake(&format!("vary.{name}.{key}"), message);
        let select = Selector::parse(&table.select).map_err(|error| refuse("select", error.to_string()))?;
        let quantity =
            Quantity::parse(&table.quantity).map_err(|error| refuse("quantity", error.to_string()))?;
        Ok(Vary {
            name: name.clone(),
            select: vec![select],
            quantity,
            op: match table.op {
                Operation::Scale => Op::Scale,
                Operation::Add => Op::Add,
                Operation::Set => Op::Set,
            },
            each: table.elements == Elements::Each,
            range: table.range,
            draw: match table.distribution {
                Distribution::Uniform => Draw::Uniform,
                Distribution::LogUniform => Draw::LogUniform,
            },
        })
    }
}
