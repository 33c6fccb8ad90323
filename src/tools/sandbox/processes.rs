//! The processes that descend from this one, as `/proc` shows them.
//! Lives here: reading who there is, and killing it. Never here: when.

use std::collections::BTreeMap;

use rustix::process::{Pid, Signal, kill_process};

/// A process that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    parent: i32,
    /// Memory that is its own, in bytes.
    pub(super) memory: u64,
    pub(super) threads: u64,
}

/// All that descends from `root`, itself not included. Who has lost its parent counts, since we inherit orphans.
pub(super) fn descendants(root: u32) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut open = vec![i32::try_from(root).unwrap_or_default()];
    while let Some(parent) = open.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            open.push(process.pid);
            found.push(process);
        }
    }
    found
}

/// Threads of a user, in all processes.
pub(super) fn threads_of(user: u32) -> u64 {
    let own = |text: &str| field(text, "Uid:").is_some_and(|uid| uid == u64::from(user));
    statuses().filter(|(_, text)| own(text)).filter_map(|(_, text)| field(&text, "Threads:")).sum()
}

/// Kills them all; says how many there were.
pub(super) fn kill(processes: &[Process]) -> usize {
    let kill =
        |process: &Process| Pid::from_raw(process.pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok());
    processes.iter().filter(|process| kill(process)).count()
}

fn statuses() -> impl Iterator<Item = (i32, String)> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, std::fs::read_to_string(entry.path().join("status")).ok()?))
    })
}

fn all() -> impl Iterator<Item = Process> {
    statuses().filter_map(|(pid, text)| parse(pid, &text))
}

/// The first number of a field.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn parse(pid: i32, text: &str) -> Option<Process> {
    let state = text.lines().find_map(|line| line.strip_prefix("State:"))?.trim();
    if state.starts_with(['Z', 'X']) {
        return None;
    }
    // What forks share counts for each of them; what files hold, for none.
    let memory = ["RssAnon:", "RssShmem:", "VmSwap:"].iter().filter_map(|name| field(text, name)).sum::<u64>();
    Some(Process {
        pid,
        parent: i32::try_from(field(text, "PPid:")?).ok()?,
        memory: memory.saturating_mul(1024),
        threads: field(text, "Threads:").unwrap_or(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_and_the_dead_are_passed_over() {
        let text = "Name:\tsh\nState:\tS (sleeping)\nPPid:\t7\nRssAnon:\t   2 kB\nRssShmem:\t1 kB\nThreads:\t3\n";
        assert_eq!(parse(9, text), Some(Process { pid: 9, parent: 7, memory: 3 * 1024, threads: 3 }));
        assert_eq!(parse(9, "State:\tZ (zombie)\nPPid:\t7\n"), None);
        assert_eq!(parse(9, ""), None);
    }
}
