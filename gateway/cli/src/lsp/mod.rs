//! `backstop lsp`: a language server over standard input and output.
//!
//! The protocol only: what it answers is found by [`backstop_policy::editor`]. One loop reads a
//! message, answers it, and when nothing has come for a moment tells the problems of the whole
//! workspace, with unsaved text in place of what is on disk. It writes no file.

mod answers;
mod desk;
mod positions;
mod problems;
mod session;
mod wire;

use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use session::{Heard, Session};
use wire::Incoming;

/// So long nothing may come before problems are told.
const QUIET: Duration = Duration::from_millis(40);
/// After so many messages they are told in any case.
const UNTOLD_MAX: usize = 50;
/// Messages that wait to be answered; the pipe holds back the others.
const WAITING_MAX: usize = 16;

/// Serves one editor until it says goodbye or closes the pipe; 1 if it only closed it.
pub fn run() -> Result<ExitCode> {
    let (sender, incoming) = sync_channel(WAITING_MAX);
    // Nobody waits for its end: it may be reading from an editor that writes no more.
    thread::Builder::new().name("lsp-read".to_owned()).spawn(move || listen(&sender))?;
    let mut session = Session::new(io::stdout());
    let mut untold = 0;
    loop {
        let next = match untold {
            0 => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            1..UNTOLD_MAX => incoming.recv_timeout(QUIET),
            _ => Err(RecvTimeoutError::Timeout),
        };
        match next {
            Ok(message) => match session.hear(message)? {
                Heard::Goodbye(code) => return Ok(code),
                Heard::Change => untold += 1,
                Heard::Other => untold += usize::from(untold > 0),
            },
            Err(RecvTimeoutError::Timeout) => {
                session.tell()?;
                untold = 0;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::FAILURE),
        }
    }
}

/// Hands on what comes in until the pipe or the session ends.
fn listen(to: &SyncSender<Incoming>) {
    let mut from = io::stdin().lock();
    while let Ok(Some(message)) = wire::read(&mut from) {
        if to.send(message).is_err() {
            return;
        }
    }
}
