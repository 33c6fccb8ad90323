//! What goes wrong on purpose.
//!
//! Lives here: the faults that a test asked for, and which of them a request meets. Never here: what GitHub refuses
//! by its own rules (see `rest` and the hooks).

use std::collections::VecDeque;

use serde_json::json;

use super::reply::Reply;

const LIMITS: &str = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";

/// When the connection is cut while a push is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The pack is there, and no ref has moved.
    BeforeRefs,
    /// The refs have moved, and the client never hears of it.
    AfterRefs,
}

/// What happens to a request that meets a planned fault.
#[derive(Clone, Debug)]
pub enum Act {
    /// It is answered with this and has no effect.
    Answer(Box<Reply>),
    /// It has its effect, and the connection closes before the answer.
    Drop,
}

struct Planned {
    method: String,
    prefix: String,
    act: Act,
    times: u32,
}

/// Everything that is wrong at the moment.
#[derive(Default)]
pub struct Faults {
    /// Everything answers 503.
    pub down: bool,
    /// Every connection is cut before anything is said.
    pub unreachable: bool,
    /// Until when the primary limit is used up, in seconds since 1970.
    pub primary: Option<i64>,
    limits: VecDeque<Reply>,
    planned: Vec<Planned>,
    cuts: VecDeque<Cut>,
    /// The cut of the push that goes on.
    cutting: Option<Cut>,
}

impl Faults {
    /// The next `times` REST requests meet the secondary limit.
    pub fn secondary(&mut self, status: u16, times: u32, retry_after: Option<u64>) {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. \
                       If you reach out to GitHub Support for help, please include the request ID.";
        self.limit(status, message, times, retry_after);
    }

    /// The next `times` REST requests are taken for abuse; GitHub says no moment at which to come back.
    pub fn abuse(&mut self, times: u32) {
        let message =
            "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.";
        self.limit(403, message, times, None);
    }

    fn limit(&mut self, status: u16, message: &str, times: u32, retry_after: Option<u64>) {
        let body = json!({ "message": message, "documentation_url": LIMITS, "status": status.to_string() });
        let mut reply = Reply::json(status, body);
        if let Some(seconds) = retry_after {
            reply = reply.with("retry-after", &seconds.to_string());
        }
        self.limits.extend((0..times).map(|_| reply.clone()));
    }

    /// The next `times` requests with that method (`*` for any) and a path that begins so meet a fault.
    pub fn plan(&mut self, method: &str, prefix: &str, act: Act, times: u32) {
        self.planned.push(Planned { method: method.to_owned(), prefix: prefix.to_owned(), act, times });
    }

    /// The next `times` pushes are cut.
    pub fn cut(&mut self, cut: Cut, times: u32) {
        self.cuts.extend((0..times).map(|_| cut));
    }

    /// Nothing is wrong any more.
    pub fn clear(&mut self) {
        *self = Faults::default();
    }

    /// The limit that a REST request meets.
    pub fn meets_limit(&mut self) -> Option<Reply> {
        self.limits.pop_front()
    }

    /// The planned fault that a request meets; it counts.
    pub fn meets(&mut self, method: &str, path: &str) -> Option<Act> {
        let met = |planned: &Planned| {
            (planned.method == "*" || planned.method.eq_ignore_ascii_case(method)) && path.starts_with(&planned.prefix)
        };
        let at = self.planned.iter().position(met)?;
        let act = self.planned[at].act.clone();
        self.planned[at].times = self.planned[at].times.saturating_sub(1);
        if self.planned[at].times == 0 {
            self.planned.remove(at);
        }
        Some(act)
    }

    /// A push begins: what was cut before is over.
    pub fn push_begins(&mut self) {
        self.cutting = None;
    }

    /// The cut that a push meets. The program behind git sends again by itself where a connection that it used before
    /// closes without an answer, so the whole push meets it, and counts once.
    pub fn meets_cut(&mut self) -> Option<Cut> {
        self.cutting = self.cutting.or_else(|| self.cuts.pop_front());
        self.cutting
    }
}
