//! One job for each of many things, on all processors.
//! Lives here: sharing the things out, and putting the answers back into their order. Never here: what the job is.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, scope};

/// Does the job for every item; the answers stand in the order of the items. Whoever is free takes the next `batch` of them, so
/// that it does not matter which are the long ones. Less than two batches are done without another thread.
pub fn map<T: Sync, R: Send>(items: &[T], batch: usize, job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let batches: Vec<&[T]> = items.chunks(batch.max(1)).collect();
    let threads = available_parallelism().map_or(1, std::num::NonZero::get).min(batches.len());
    if threads < 2 {
        return items.iter().map(job).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(items) = batches.get(at) else { return done };
            done.push((at, items.iter().map(&job).collect()));
        }
    };
    let mut done = scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            // A panic in another thread is one of this process.
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, answers)| answers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_stand_in_the_order_of_the_items() {
        for many in [0, 1, 7, 8, 1_000] {
            let items: Vec<usize> = (0..many).collect();
            let wanted: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(&items, 8, |item| item * 2), wanted);
        }
    }

    #[test]
    #[should_panic(expected = "no seven")]
    fn a_panic_of_one_thread_is_not_lost() {
        map(&(0..100).collect::<Vec<usize>>(), 1, |item| assert_ne!(*item, 7, "no seven"));
    }
}
