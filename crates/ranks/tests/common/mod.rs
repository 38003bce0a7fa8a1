//! A job within one process: every rank but 0 is a thread, and messages go over sockets.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use wr2l_ranks::{Link, Ranks, read_frame, serve, write_frame};

/// What a rank does with its link.
pub(crate) type Role = fn(Link);

/// Serves as every rank does.
pub(crate) fn serves(link: Link) {
    serve(link, || {});
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
