//! How long things took, counted as Prometheus wants it.
//! Lives here: the steps, counting, writing. Never here: measuring.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the steps in microseconds, and as they are written in seconds.
const STEPS: [(u64, &str); 11] = [
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// Durations by size.
#[derive(Debug, Default)]
pub struct Histogram {
    steps: [AtomicU64; STEPS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(step) = self.steps.get(STEPS.partition_point(|(end, _)| *end < micros)) {
            step.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Writes its lines: each step holds those before it too.
    pub fn write(&self, name: &str, into: &mut String) {
        let mut below = 0;
        for (step, (_, end)) in self.steps.iter().zip(STEPS) {
            below += step.load(Ordering::Relaxed);
            let _ = writeln!(into, "{name}_bucket{{le=\"{end}\"}} {below}");
        }
        // Not less than the steps, though somebody counts meanwhile.
        let count = self.count.load(Ordering::Relaxed).max(below);
        let micros = self.micros.load(Ordering::Relaxed);
        let _ = writeln!(into, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(into, "{name}_sum {}.{:06}\n{name}_count {count}", micros / 1_000_000, micros % 1_000_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up() {
        let histogram = Histogram::default();
        for millis in [1, 2, 600, 60_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let mut text = String::new();
        histogram.write("x_seconds", &mut text);
        for line in [
            "x_seconds_bucket{le=\"0.001\"} 1\n",
            "x_seconds_bucket{le=\"0.5\"} 2\n",
            "x_seconds_bucket{le=\"1\"} 3\n",
            "x_seconds_bucket{le=\"10\"} 3\n",
            "x_seconds_bucket{le=\"+Inf\"} 4\n",
            "x_seconds_sum 60.603000\n",
            "x_seconds_count 4\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
