//! An in-memory forge for tests of what uses one: it can be told to fail, and it tells what it was asked.
//! Lives here: a table of pull requests. Never here: git.

use std::cell::RefCell;
use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Forge, ForgeError, NewPull, PullView};
use crate::town::decide::Command;
use crate::town::fold::Town;

/// The table and the switches of a [`MemoryForge`].
#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u64, PullView>,
    last: u64,
    unavailable: bool,
    observed: Vec<Command>,
    asked: Vec<String>,
}

/// A forge that lives as long as the test.
#[derive(Debug, Default)]
pub struct MemoryForge {
    state: RefCell<State>,
}

impl MemoryForge {
    /// Makes every call fail as unavailable, or work again.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.state.borrow_mut().unavailable = unavailable;
    }

    /// Lets the next [`Forge::observe`] see this.
    pub fn will_observe(&self, command: Command) {
        self.state.borrow_mut().observed.push(command);
    }

    /// Closes a pull request.
    pub fn close(&self, number: u64) {
        self.state.borrow_mut().open.remove(&number);
    }

    /// What it was asked to write, in order: `open agent/x`, `update 3`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state.borrow().asked.clone()
    }

    fn up(&self) -> Result<std::cell::RefMut<'_, State>, ForgeError> {
        let state = self.state.borrow_mut();
        if state.unavailable {
            return Err(ForgeError::Unavailable("switched off by the test".to_owned()));
        }
        Ok(state)
    }
}

fn view(number: u64, pull: &NewPull) -> PullView {
    PullView {
        number,
        branch: pull.offer.branch.clone(),
        head: pull.offer.head.clone(),
        title: pull.offer.title.clone(),
        draft: pull.offer.draft,
        url: Some(format!("memory:{number}")),
    }
}

#[async_trait(?Send)]
impl Forge for MemoryForge {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn find(&self, branch: &str) -> Result<Option<PullView>, ForgeError> {
        Ok(self.up()?.open.values().find(|pull| pull.branch == branch).cloned())
    }

    async fn open(&self, pull: &NewPull) -> Result<PullView, ForgeError> {
        let mut state = self.up()?;
        state.asked.push(format!("open {}", pull.offer.branch));
        if state.open.values().any(|open| open.branch == pull.offer.branch) {
            return Err(ForgeError::Conflict(format!("{} has an open pull request", pull.offer.branch)));
        }
        state.last += 1;
        let opened = view(state.last, pull);
        state.open.insert(opened.number, opened.clone());
        Ok(opened)
    }

    async fn update(&self, number: u64, pull: &NewPull) -> Result<PullView, ForgeError> {
        let mut state = self.up()?;
        state.asked.push(format!("update {number}"));
        let slot =
            state.open.get_mut(&number).ok_or_else(|| ForgeError::NotFound(format!("pull request #{number}")))?;
        *slot = view(number, pull);
        Ok(slot.clone())
    }

    async fn observe(&self, _town: &Town) -> Result<Vec<Command>, ForgeError> {
        Ok(std::mem::take(&mut self.up()?.observed))
    }
}
