//! The running gateway: the real binary in a process of its own, which can be killed and started
//! again on the same folder. It is known by its HTTP face and its log only.

use crate::{Caller, Workspace, binary, workspace};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long the gateway may take until it listens, recovery of a ledger included.
const START_MAX: Duration = Duration::from_secs(60);

/// A gateway that listens. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    url: String,
}

impl Gateway {
    /// Starts the binary on `workspace`, at a port that the system picks.
    ///
    /// # Panics
    /// If it does not listen in time: with the end of its log.
    pub fn start(workspace: &Workspace) -> Self {
        Self::start_with(workspace, &[])
    }

    /// As [`Self::start`], with more environment.
    pub fn start_with(workspace: &Workspace, environment: &[(&str, &str)]) -> Self {
        Self::run(Command::new(binary::path()), workspace, environment)
    }

    /// As [`Self::start`], after these lines of `sh`: limits, another file system. They know the data
    /// folder as `$BACKSTOP_DATA`. It is the shell's own process in the end.
    pub fn start_after(lines: &str, workspace: &Workspace) -> Self {
        let mut command = Command::new("sh");
        command.arg("-ec").arg(format!("{lines}\nexec \"$@\"")).arg("sh").arg(binary::path());
        let data = workspace.data();
        let data = data.to_str().expect("a path of ours is text");
        Self::run(command, workspace, &[("BACKSTOP_DATA", data)])
    }

    fn run(mut command: Command, workspace: &Workspace, environment: &[(&str, &str)]) -> Self {
        fs::create_dir_all(workspace.data()).expect("the data folder can be made");
        let log = workspace.data().join("gateway.log");
        let errors = File::options().create(true).append(true).open(&log).expect("a log");
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--workspace"])
            .arg(workspace.path())
            .arg("--data")
            .arg(workspace.data())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the binary can be started");
        let output = child.stdout.take().expect("its output is piped");
        match listening(output) {
            Some(url) => Self { child, url },
            None => {
                let _ = child.kill();
                panic!("the gateway did not listen in {START_MAX:?}; {}", log_end(&log))
            }
        }
    }

    /// Such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process, for measuring.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A caller with the key of `sdk`.
    pub fn caller(&self) -> Caller {
        Caller::new(&self.url, Some(workspace::KEY))
    }

    /// A caller with another key, or none.
    pub fn caller_with(&self, key: Option<&str>) -> Caller {
        Caller::new(&self.url, key)
    }

    /// Asks it to stop; how it ended, if it did in time.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn stop(mut self, longest: Duration) -> Option<ExitStatus> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.expect("kill can be started").success(), "it is there to be told");
        let end = Instant::now() + longest;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Ends it at once, as a power cut would: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Whoever panics because nobody answers is told how that came.
        if std::thread::panicking()
            && let Ok(Some(ended)) = self.child.try_wait()
        {
            eprintln!("the gateway was gone before it was told to: {ended}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `backstop verify` finds the ledger whole, and every call of it decided again comes out
/// as it was recorded; its words otherwise.
pub fn verify(data: &Path) -> Result<String, String> {
    let whole = verify_chain(data)?;
    let mut again = Command::new(binary::path());
    let again = again.args(["replay", "verify", "--all", "--data"]).arg(data).output();
    let again = again.expect("the binary can be started");
    let words = [again.stdout, again.stderr].concat();
    let words = format!("{whole}{}", String::from_utf8_lossy(&words));
    if again.status.success() { Ok(words) } else { Err(words) }
}

/// What `backstop verify` says of a data folder: its chain, and every call folded again. What an
/// older Backstop decided is held to no more: it rendered its requests in another order of keys.
///
/// # Errors
/// Its words, if the folder is not whole.
pub fn verify_chain(data: &Path) -> Result<String, String> {
    let run = Command::new(binary::path()).args(["verify", "--data"]).arg(data).output();
    let run = run.expect("the binary can be started");
    let words = [run.stdout, run.stderr].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    if run.status.success() { Ok(words) } else { Err(words) }
}

/// The address on the line that says it, if it comes in time. Goes on reading, so that the pipe
/// never fills up.
pub fn listening(output: impl std::io::Read + Send + 'static) -> Option<String> {
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("listening on http://") {
                let address = url.split_whitespace().next().unwrap_or_default();
                let _ = told.send(format!("http://{}", address.trim_end_matches('/')));
            }
        }
    });
    heard.recv_timeout(START_MAX).ok()
}

fn log_end(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().rev().take(20).rev().copied().collect::<Vec<_>>();
    format!("the end of {}:\n{}", log.display(), end.join("\n"))
}
