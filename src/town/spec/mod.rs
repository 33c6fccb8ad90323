//! OpenSpec: reading specs and changes as the reference `openspec` command does, judging them, and merging what a change says.
//!
//! Lives here: the engine. Text goes in, findings and plans come out. Never here: files, git, or how anything is printed.
//! Start with [`lines`], which every reader begins with, [`delta`], and [`project`], which finds what there is to read.

pub mod adopt;
pub mod apply;
pub mod artifacts;
pub mod base;
pub mod block;
pub mod builtin;
pub mod changelog;
pub mod comments;
pub mod config;
pub mod content;
pub mod data;
pub mod delta;
pub mod envelope;
pub mod evidence;
pub mod glob;
pub mod heading;
pub mod instructions;
pub mod issue;
pub mod js;
pub mod lifecycle;
pub mod lines;
pub mod main_spec;
pub mod merge;
pub mod metadata;
pub mod nested;
pub mod outputs;
pub mod past;
pub mod plan;
pub mod plan_blocks;
pub mod plan_checks;
pub mod plan_file;
pub mod plan_purpose;
pub mod plan_refusal;
#[cfg(test)]
mod plan_tests;
pub mod plan_unaccounted;
pub mod plan_update;
pub mod project;
pub mod purpose;
pub mod putaway;
pub mod queue;
pub mod record;
pub mod rules;
pub mod scenario_rename;
pub mod schema;
pub mod schemas;
pub mod sections;
pub mod show;
pub mod state;
pub mod status_line;
pub mod structure;
pub mod takeback;
pub mod tasks;
pub mod tasks_lint;
pub mod trace;
pub mod tree;
pub mod validate;
