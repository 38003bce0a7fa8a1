//! What every rank but 0 does.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

use wr2l_rl::{Executor, StopFlag, Threads};

use crate::frame::{read_frame, write_frame};
use crate::job::{CLOSE, DONE, FAILED, INTERRUPT, MEET, OPEN, carry_out};
use crate::link::Link;
use crate::near;
use crate::stage::{Told, likeness};
use crate::wire::{Reader, Writer};

/// The flags of the stages that are open.
type Flags = Arc<Mutex<HashMap<u64, StopFlag>>>;

/// Serves rank 0 until the link ends, which is the end of the job. `gone` is called at once then, on another thread, even
/// in the midst of work: a program that nobody waits for any more may end there.
pub fn serve(link: Link, gone: impl FnOnce() + Send + 'static) {
    let Link { mut input, mut output, .. } = link;
    let flags = Flags::default();
    let (to, inbox) = channel();
    let raised = flags.clone();
    std::thread::spawn(move || {
        while let Ok((_, message)) = read_frame(&mut input) {
            let mut reader = Reader::new(&message);
            if let (Ok(INTERRUPT), Ok(stage)) = (reader.byte(), reader.word()) {
                let flags = raised.lock().unwrap_or_else(PoisonError::into_inner);
                flags.get(&stage).inspect(|flag| flag.raise());
            } else if to.send(message).is_err() {
                break;
            }
        }
        gone();
    });
    let mut stages: HashMap<u64, Threads> = HashMap::new();
    for message in inbox {
        let mut reader = Reader::new(&message);
        let answer = match (reader.byte(), reader.word()) {
            (Ok(OPEN), Ok(stage)) => {
                let (threads, said) = open(&mut reader);
                if let Some(threads) = threads {
                    let mut flags = flags.lock().unwrap_or_else(PoisonError::into_inner);
                    flags.insert(stage, threads.stop_flag().clone());
                    stages.insert(stage, threads);
                }
                said
            }
            (Ok(CLOSE), Ok(stage)) => {
                stages.remove(&stage);
                flags.lock().unwrap_or_else(PoisonError::into_inner).remove(&stage);
                continue;
            }
            (Ok(MEET), Ok(_)) => near::meet(&mut reader),
            (Ok(kind), Ok(stage)) => match stages.get_mut(&stage) {
                Some(threads) => carry_out(kind, &mut reader, threads),
                None => vec![FAILED],
            },
            _ => vec![FAILED],
        };
        // A link that cannot be written to has ended.
        if write_frame(&mut output, 0, &answer).is_err() {
            return;
        }
    }
}

/// Threads for a stage, and what rank 0 is told of them: what has to be the same everywhere, or why there are none.
fn open(request: &mut Reader<'_>) -> (Option<Threads>, Vec<u8>) {
    let opened = || {
        let told = Told::read(request).map_err(|error| error.to_string())?;
        let threads = told.threads;
        let simulator = told.stage()?.simulator().map_err(|error| error.to_string())?;
        Threads::new(&simulator, threads).map_err(|error| error.to_string())
    };
    let mut said = Writer::default();
    match { opened }() {
        Ok(threads) => {
            said.byte(DONE);
            said.list(&likeness(threads.simulator()), |to, text| to.text(text));
            (Some(threads), said.into_bytes())
        }
        Err(reason) => {
            said.byte(FAILED);
            said.text(&reason);
            (None, said.into_bytes())
        }
    }
}
