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
    statuses().filter_map(|(pid, text)| {
        let process = parse(pid, &text)?;
        Some(if is_ended(&text) { Process { memory: memory_of_threads(pid), ..process } } else { process })
    })
}

/// Whether the first thread has ended, which the others may outlive.
fn is_ended(text: &str) -> bool {
    let state = text.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or_default();
    state.trim_start().starts_with(['Z', 'X'])
}

/// The memory of a process whose first thread has ended: what one of the others says.
fn memory_of_threads(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
    texts.map(|text| memory(&text)).max().unwrap_or_default()
}

/// Memory that is its own: what forks share counts for each of them, what files hold for none.
fn memory(text: &str) -> u64 {
    let fields = ["RssAnon:", "RssShmem:", "VmSwap:"].iter().filter_map(|name| field(text, name));
    fields.sum::<u64>().saturating_mul(1024)
}

/// The first number of a field.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn parse(pid: i32, text: &str) -> Option<Process> {
    let threads = field(text, "Threads:").unwrap_or(1);
    // A process is alive as long as one of its threads is, whatever became of the first.
    if is_ended(text) && threads <= 1 {
        return None;
    }
    Some(Process { pid, parent: i32::try_from(field(text, "PPid:")?).ok()?, memory: memory(text), threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_and_the_dead_are_passed_over() {
        let text = "Name:\tsh\nState:\tS (sleeping)\nPPid:\t7\nRssAnon:\t   2 kB\nRssShmem:\t1 kB\nThreads:\t3\n";
        assert_eq!(parse(9, text), Some(Process { pid: 9, parent: 7, memory: 3 * 1024, threads: 3 }));
        assert_eq!(parse(9, "State:\tZ (zombie)\nPPid:\t7\nThreads:\t1\n"), None);
        let outlived = parse(9, "State:\tZ (zombie)\nPPid:\t7\nThreads:\t2\n");
        assert_eq!(outlived, Some(Process { pid: 9, parent: 7, memory: 0, threads: 2 }));
        assert_eq!(parse(9, ""), None);
    }
}
