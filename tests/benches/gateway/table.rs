//! What the turns of one subject add up to, and the table that sets subjects side by side.

use super::load::Load;
use std::time::Duration;

/// All turns of one subject.
#[derive(Debug, Default)]
pub struct Totals {
    latencies_us: Vec<u64>,
    bad: u64,
    example: Option<String>,
    took: Duration,
    cpu: Duration,
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    per_second: f64,
    p50_us: u64,
    p99_us: u64,
    cpu_per_10k_s: f64,
    memory_kib: (u64, u64),
    bad: u64,
    example: Option<String>,
}

impl Totals {
    /// One more turn, during which the subject used `cpu`.
    pub fn add(&mut self, load: Load, cpu: Duration) {
        self.latencies_us.extend(load.latencies_us);
        self.bad += load.bad;
        self.example = self.example.take().or(load.example);
        self.took += load.took;
        self.cpu += cpu;
    }

    /// The line of the table.
    pub fn row(mut self, name: &'static str, memory_kib: (u64, u64)) -> Row {
        self.latencies_us.sort_unstable();
        let good = self.latencies_us.len() as f64;
        let at = |share: f64| {
            let index = ((good - 1.0).max(0.0) * share) as usize;
            self.latencies_us.get(index).copied().unwrap_or(0)
        };
        Row {
            name,
            per_second: good / self.took.as_secs_f64(),
            p50_us: at(0.50),
            p99_us: at(0.99),
            cpu_per_10k_s: self.cpu.as_secs_f64() * 10_000.0 / good.max(1.0),
            memory_kib,
            bad: self.bad,
            example: self.example,
        }
    }
}

impl Row {
    /// Whose it is.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Without what only a comparison needs.
    pub fn short(&self) -> String {
        let megabytes = |kib: u64| kib as f64 / 1024.0;
        let (now, peak) = (megabytes(self.memory_kib.0), megabytes(self.memory_kib.1));
        let Self { per_second, p99_us, bad, .. } = self;
        format!("{per_second:>9.0} {p99_us:>9} {now:>9.1} {peak:>9.1} {bad:>5}")
    }

    /// How many it answers in a second.
    pub const fn per_second(&self) -> f64 {
        self.per_second
    }
}

/// Prints `rows`, then each against the first (a direct call) and the second (a bare proxy).
pub fn print(title: &str, rows: &[Row]) {
    println!("\n{title}");
    println!(
        "{:<11} {:>9} {:>9} {:>9} {:>12} {:>9} {:>9} {:>5}",
        "", "calls/s", "p50 us", "p99 us", "CPU s / 10k", "RSS MB", "peak MB", "bad"
    );
    for row in rows {
        let megabytes = |kib: u64| kib as f64 / 1024.0;
        println!(
            "{:<11} {:>9.0} {:>9} {:>9} {:>12.2} {:>9.1} {:>9.1} {:>5}",
            row.name,
            row.per_second,
            row.p50_us,
            row.p99_us,
            row.cpu_per_10k_s,
            megabytes(row.memory_kib.0),
            megabytes(row.memory_kib.1),
            row.bad
        );
    }
    for (index, against) in rows.iter().enumerate().take(2) {
        for row in &rows[index + 1..] {
            println!("{}", ratio(row, against));
        }
    }
    for (name, example) in rows.iter().filter_map(|row| Some((row.name, row.example.as_ref()?))) {
        println!("{name} answered badly, such as: {example}");
    }
}

fn ratio(row: &Row, against: &Row) -> String {
    format!(
        "{} / {}: calls/s x{:.2}, p50 {:+} us, p99 {:+} us, CPU x{:.2}",
        row.name,
        against.name,
        row.per_second / against.per_second,
        row.p50_us as i64 - against.p50_us as i64,
        row.p99_us as i64 - against.p99_us as i64,
        row.cpu_per_10k_s / against.cpu_per_10k_s.max(0.001),
    )
}
