//! What a process has used, as the kernel counts it: all its threads, user and system.

use std::fs;
use std::time::Duration;

/// Ticks a second of the counters in `/proc/PID/stat`: a constant of Linux's interface.
const TICKS_PER_SECOND: u64 = 100;

/// A running process.
#[derive(Debug)]
pub struct Process(u32);

impl Process {
    /// The process with that id.
    pub const fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// CPU time since its start, to a hundredth of a second.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("it runs");
        // The name stands in brackets and may hold anything; fields are counted after it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
    }

    /// Memory in use and its peak, in kibibytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}
