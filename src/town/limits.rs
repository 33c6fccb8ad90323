//! Every limit of the town in one place, quoted in the error that enforces it.
//! Lives here: numbers with their unit. Never here: the code that enforces them.

/// An event's JSON line, in bytes.
pub const EVENT_BYTES: usize = 16 * 1024;
/// The id of an event that an agent publishes, in bytes.
pub const EVENT_ID_BYTES: usize = 128;
/// The name of a tool in what an agent tells while it runs, in characters.
pub const STEP_TOOL_CHARS: usize = 64;
/// The words of what an agent tells while it runs, in characters.
pub const STEP_TEXT_CHARS: usize = 500;
/// Minutes that the moment of what an agent tells may be away from the server's.
pub const STEP_MINUTES: i64 = 10;
/// Events that one request publishes.
pub const PUBLISH_EVENTS: usize = 1_000;
/// What one request publishes in all, in bytes.
pub const PUBLISH_BYTES: usize = 1024 * 1024;
/// Events that all agents together publish in a second.
pub const PUBLISHED_A_SECOND: u32 = 10_000;
/// Events that one agent publishes in a second, where nobody says otherwise.
pub const PUBLISHED_BY_ONE: u32 = 1_000;
/// Bytes for each of them, on the average.
pub const PUBLISHED_BYTES_EACH: u32 = 1024;
/// Witnesses of a server at one time, where nobody says otherwise.
pub const WITNESSES: usize = 1_000;
/// Connections of one address at one time, likewise.
pub const CONNECTIONS_EACH: usize = 64;
/// Requests of one address in a second, likewise; four times as many at once.
pub const REQUESTS_EACH: u32 = 50;
/// Events that the ring holds, likewise, and the mebibytes that they may take.
pub const RING_EVENTS: u32 = 1_000_000;
/// See [`RING_EVENTS`].
pub const RING_MIB: u32 = 256;
/// Different filters in use at one time.
pub const FILTERS: usize = 256;
/// Names in one list of a filter.
pub const FILTER_NAMES: usize = 32;
/// One of them, in bytes.
pub const FILTER_NAME_BYTES: usize = 128;
/// A message of a witness, in bytes.
pub const WITNESS_BYTES: usize = 16 * 1024;
/// Messages of a witness within so many seconds.
pub const WITNESS_MESSAGES: u32 = 20;
/// See [`WITNESS_MESSAGES`].
pub const WITNESS_SECONDS: u64 = 10;
/// Seconds without a sign of life of a witness after which it is let go.
pub const QUIET_SECONDS: u64 = 75;
/// Seconds in which a socket that is full must take something.
pub const STALLED_SECONDS: u64 = 30;
/// A request's head, in bytes.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS: usize = 64;
/// Seconds in which a request's head must have come, and then its body.
pub const REQUEST_SECONDS: u64 = 10;
/// All files of the page as they go over the wire, in bytes.
pub const PAGE_BYTES: usize = 120 * 1024;
/// Events between two snapshots in the journal's tree.
pub const SNAPSHOT_EVERY: u64 = 1_000;
/// What one run may write in all, in bytes.
pub const CHANGESET_BYTES: u64 = 10 * 1024 * 1024;
/// Lines in one file that a run writes.
pub const FILE_LINES: usize = 20_000;
/// A pull request's title, in characters.
pub const TITLE_CHARS: usize = 72;
/// A pull request's body, in bytes (GitHub refuses more).
pub const BODY_BYTES: usize = 64 * 1024;
/// A run's longest life, in minutes (a hosted job ends after six hours).
pub const RUN_MINUTES: u32 = 360;
/// Turns of one run, at the most.
pub const RUN_TURNS: u32 = 500;
/// A run's output kept in its transcript, in bytes.
pub const RUN_OUTPUT_BYTES: usize = 10 * 1024 * 1024;
/// What one tool call may return to the brain, in bytes; the middle is left out beyond it.
pub const TOOL_OUTPUT_BYTES: usize = 32 * 1024;
/// The least cap on a run's tokens.
pub const LEAST_TOKENS: u64 = 10_000;
/// Days that transcripts under `refs/monkeytown/runs/` are kept.
pub const TRANSCRIPT_DAYS: u64 = 30;
/// Times that the gate's findings go back to the brain before the run ends.
pub const GATE_RETRIES: u32 = 2;
/// Seconds between two pushes of a run's checkpoint.
pub const CHECKPOINT_PUSH_SECONDS: i64 = 30;
/// A front matter, in bytes.
pub const FRONT_MATTER_BYTES: usize = 64 * 1024;
/// A charter or a town file, in bytes.
pub const TOWN_FILE_BYTES: usize = 1024 * 1024;
/// Memory entries of one agent.
pub const MEMORY_ENTRIES: usize = 200;
/// One memory entry's text, in characters.
pub const MEMORY_CHARS: usize = 500;
/// One file below `openspec/`, in bytes.
pub const SPEC_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// A file there that is neither Markdown nor YAML, in bytes; of a larger one only its name is known.
pub const SPEC_OTHER_BYTES: u64 = 64 * 1024;
/// All that is read below `openspec/`, in bytes.
pub const SPEC_TREE_BYTES: u64 = 256 * 1024 * 1024;
/// Files and folders below `openspec/`.
pub const SPEC_FILES: usize = 500_000;
/// Folders in folders there.
pub const SPEC_DEPTH: usize = 64;
/// A text file in which `covers:` tags are looked for, in bytes.
pub const TEXT_BYTES: u64 = 1024 * 1024;
/// Files that are looked through for them.
pub const TEXT_FILES: usize = 200_000;
/// A job's step summary on GitHub, in bytes; a larger one is dropped whole.
pub const SUMMARY_BYTES: usize = 1024 * 1024;
/// What a job hands to the next one besides its bundle, in bytes.
pub const HANDOVER_BYTES: u64 = 1024 * 1024;
/// The bundle that a job hands to the next one, in bytes.
pub const BUNDLE_BYTES: u64 = 64 * 1024 * 1024;
/// One file of a checkpoint that comes from another job, unpacked, in bytes: a transcript in JSON, however it is escaped.
pub const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;
/// What the files of a handed over workspace may have in all where they differ from its start, unpacked, in bytes.
pub const WORKSPACE_BYTES: u64 = 4 * CHANGESET_BYTES;
/// What git may take for one object of a bundle, unpacked, in bytes.
pub const OBJECT_BYTES: u64 = 512 * 1024 * 1024;
/// Calls of a forge's API that one process may make within an hour.
pub const API_CALLS_PER_HOUR: usize = 1_000;
/// One answer of a forge's API, in bytes.
pub const API_BYTES: usize = 10 * 1024 * 1024;
/// Annotations of one kind that GitHub shows for a step.
pub const ANNOTATIONS: usize = 10;

/// The branch that holds the journal.
pub const JOURNAL_BRANCH: &str = "monkeytown/journal";
/// What every agent's branch starts with.
pub const AGENT_BRANCH_PREFIX: &str = "agent/";
/// The file that makes a repository a town.
pub const TOWN_FILE: &str = ".monkeytown/town.yaml";
