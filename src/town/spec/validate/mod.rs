//! Judging specs and changes by the rules: what stands in a file, what a change says together, and what open changes do to each
//! other.
//! Lives here: the way in. Never here: the levels (see `rules`), or how an issue is printed.

mod careful;

mod findings;
mod spec;
mod text;
mod words;

pub use spec::spec_text;
pub use words::Words;
