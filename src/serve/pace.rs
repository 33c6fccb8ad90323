//! When those who wait for something new are woken.
//! Lives here: the time between two passes. Never here: what a pass gives to whom (see [`super::cursor`]).

use std::time::Duration;

use super::hub::Hub;

/// The longest time between two passes.
const PASS: Duration = Duration::from_millis(20);
/// The shortest that is one.
const LEAST: Duration = Duration::from_millis(1);

impl Hub {
    /// Wakes those who wait, once for many events where many come.
    pub async fn pace(&self) {
        let mut pause = Duration::ZERO;
        loop {
            self.dirty.notified().await;
            let before = self.read().ring.pushed();
            self.passes.send_modify(|pass| *pass += 1);
            tokio::time::sleep(pause).await;
            pause = after(pause, self.read().ring.pushed().saturating_sub(before));
        }
    }
}

/// The next pause, after one in which so many events came. An idle stream is instant; the more comes, the longer it is.
fn after(pause: Duration, came: u64) -> Duration {
    match came {
        0..=1 => Duration::ZERO,
        _ => (pause * 2).clamp(LEAST, PASS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_stream_is_instant_and_a_busy_one_waits_twice_as_long_each_time_up_to_twenty_milliseconds() {
        let mut pause = Duration::ZERO;
        let mut millis = |came| {
            pause = after(pause, came);
            pause.as_millis()
        };
        assert_eq!([0, 1, 1].map(&mut millis), [0, 0, 0]);
        assert_eq!([2, 5, 1_000, 2, 2, 2, 9].map(&mut millis), [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!([1, 2, 0].map(&mut millis), [0, 1, 0]);
    }
}
