//! A job within one process: every rank but 0 is a thread, and messages go over sockets.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use wr2l_ranks::{Link, Ranks, read_frame, serve, write_frame};
use wr2l_run::{Stage, TaskRef};
use wr2l_sim::TaskName;

pub(crate) fn stage(task: TaskName, vary: &[&str]) -> Stage {
    stage_of(task.into(), vary)
}

pub(crate) fn stage_of(task: TaskRef, vary: &[&str]) -> Stage {
    let (physics, space) = (task.physics()[0], task.space().select(vary).unwrap());
    Stage { task, physics, space }
}

pub(crate) fn hopper() -> Stage {
    stage(TaskName::HOPPER, &["torso_density", "friction"])
}

/// What a rank does with its link.
pub(crate) type Role = fn(Link);

/// Serves as every rank does.
pub(crate) fn serves(link: Link) {
    serve(link, || {});
}

/// Serves as every rank does, but for the requests that `own` answers.
pub(crate) fn serves_but(link: Link, own: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let Link { size, mut input, mut output } = link;
    let (mut here, there) = UnixStream::pair().unwrap();
    let serving = self::link(size, &there);
    thread::spawn(move || serves(serving));
    while let Ok((rank, message)) = read_frame(&mut input) {
        let answer = own(&message).or_else(|| {
            write_frame(&mut here, rank, &message).unwrap();
            // What closes a stage, or interrupts, has no answer.
            (!matches!(message[0], 1 | 2)).then(|| read_frame(&mut here).unwrap().1)
        });
        if answer.is_some_and(|answer| write_frame(&mut output, 0, &answer).is_err()) {
            return;
        }
    }
}

/// Takes part and then can do nothing.
pub(crate) fn broken(link: Link) {
    serves_but(link, |message| (message[0] > 2).then(|| vec![1]));
}

/// A job that ends when it is dropped.
pub(crate) struct Job {
    own: UnixStream,
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.own.shutdown(Shutdown::Both);
    }
}

fn link(size: usize, stream: &UnixStream) -> Link {
    let [input, output] = [(); 2].map(|()| Box::new(stream.try_clone().unwrap()));
    Link { size, input, output }
}

/// A job of rank 0 and of a rank for each of `roles`.
pub(crate) fn job(roles: &[Role]) -> (Job, Ranks) {
    let size = roles.len() + 1;
    let (own, hub) = UnixStream::pair().unwrap();
    let to_own = Arc::new(Mutex::new(hub.try_clone().unwrap()));
    let mut others = Vec::new();
    for (rank, role) in (1..).zip(roles) {
        let (end, mut theirs) = UnixStream::pair().unwrap();
        others.push(theirs.try_clone().unwrap());
        let (role, to_own) = (*role, to_own.clone());
        thread::spawn(move || {
            role(link(size, &end));
            let _ = end.shutdown(Shutdown::Both);
        });
        thread::spawn(move || {
            while let Ok((to, message)) = read_frame(&mut theirs) {
                assert_eq!(to, 0, "ranks answer rank 0");
                let mut to_own = to_own.lock().unwrap();
                if write_frame(&mut *to_own, rank, &message).is_err() {
                    break;
                }
            }
            // Who is gone is gone for all.
            let _ = to_own.lock().unwrap().shutdown(Shutdown::Both);
        });
    }
    let mut from_own = hub;
    thread::spawn(move || {
        while let Ok((to, message)) = read_frame(&mut from_own) {
            if write_frame(&mut others[to as usize - 1], 0, &message).is_err() {
                break;
            }
        }
        others.iter().for_each(|other| drop(other.shutdown(Shutdown::Both)));
    });
    let ranks = Ranks::new(link(size, &own)).sharing_from(0);
    (Job { own }, ranks)
}
