//! Metrics in the text format of Prometheus (version 0.0.4).
//! Lives here: names, types and help of each figure. Never here: counting.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{Shard, Shared, assets};

/// The media type.
pub const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, FORMAT)], page(&shared)).into_response()
}

fn page(shared: &Shared) -> String {
    let mut page = Page::default();
    stream(&mut page, shared);
    town(&mut page, shared);
    page.text
}

/// What goes through.
fn stream(page: &mut Page, shared: &Shared) {
    let (hub, counts) = (&shared.hub, &shared.hub.counts);
    let (events, bytes, _) = hub.fill();
    let capacity = hub.capacity();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
    page.one("monkeytown_witnesses", "gauge", "Subscribers that are connected.", &count(&counts.witnesses));
    page.one(
        "monkeytown_witnesses_limit",
        "gauge",
        "Subscribers that may be connected.",
        &shared.limits.subscribers.to_string(),
    );
    page.head(
        "monkeytown_stream_events_total",
        "counter",
        "Events that came into the stream, by where they came from.",
    );
    for (kind, counter) in
        [("recorded", &counts.recorded), ("landed", &counts.landed), ("published", &counts.published)]
    {
        page.line(&format!("monkeytown_stream_events_total{{kind=\"{kind}\"}}"), &count(counter));
    }
    let delivered = count(&counts.delivered);
    page.one("monkeytown_stream_delivered_total", "counter", "Frames that were handed to subscribers.", &delivered);
    let lagged = count(&counts.lagged);
    page.one("monkeytown_stream_lagged_total", "counter", "Subscribers that read too slowly.", &lagged);
    let connections = shared.doorman.connected.count().to_string();
    page.one("monkeytown_connections", "gauge", "Connections that are open.", &connections);
    let refused = count(&counts.refused);
    page.one("monkeytown_connections_refused_total", "counter", "Connections beyond those of one address.", &refused);
    page.head("monkeytown_http_answers_total", "counter", "Requests that were answered, by class of status.");
    for (class, counter) in (1..).zip(&counts.answers) {
        page.line(&format!("monkeytown_http_answers_total{{class=\"{class}xx\"}}"), &count(counter));
    }
    page.head("monkeytown_stream_publish_seconds", "histogram", "From a request to publish to its answer.");
    counts.publish.write("monkeytown_stream_publish_seconds", &mut page.text);
    page.head("monkeytown_stream_delivery_seconds", "histogram", "From an event's arrival to its way out.");
    counts.delivery.write("monkeytown_stream_delivery_seconds", &mut page.text);
    page.one("monkeytown_ring_events", "gauge", "Frames in the ring.", &events.to_string());
    page.one("monkeytown_ring_events_limit", "gauge", "Frames that the ring holds.", &capacity.frames.to_string());
    page.one("monkeytown_ring_bytes", "gauge", "Bytes in the ring.", &bytes.to_string());
    page.one("monkeytown_ring_bytes_limit", "gauge", "Bytes that the ring holds.", &capacity.bytes.to_string());
}

/// What the town says.
fn town(page: &mut Page, shared: &Shared) {
    let town = shared.hub.state().town;
    let seq = town.seq.to_string();
    page.one("monkeytown_journal_seq", "gauge", "Sequence number of the newest event of the journal.", &seq);
    page.head("monkeytown_runs_total", "counter", "Runs that ended, as far back as the ring was filled.");
    for (agent, outcome, count) in shared.hub.counts.runs.runs() {
        let name = format!("monkeytown_runs_total{{agent=\"{agent}\",outcome=\"{outcome}\"}}");
        page.line(&name, &count.to_string());
    }
    page.head("monkeytown_run_seconds", "summary", "How long runs took that ended well, as far back likewise.");
    for (agent, took) in shared.hub.counts.runs.took() {
        let seconds = format!("{}.{:03}", took.millis / 1_000, took.millis % 1_000);
        page.line(&format!("monkeytown_run_seconds_sum{{agent=\"{agent}\"}}"), &seconds);
        page.line(&format!("monkeytown_run_seconds_count{{agent=\"{agent}\"}}"), &took.runs.to_string());
    }
    let overdue = shared.hub.counts.overdue.load(Ordering::Relaxed).to_string();
    page.one("monkeytown_slots_overdue", "gauge", "Planned runs that are due and have not begun.", &overdue);
    let up = u8::from(shared.relay.trouble().is_none());
    page.one("monkeytown_relay_up", "gauge", "1 while the repository can be read.", &up.to_string());
    if let Some(lag) = shared.relay.lag_ms() {
        let lag = format!("{}.{:03}", lag / 1_000, lag % 1_000);
        page.one("monkeytown_relay_lag_seconds", "gauge", "Age of the newest event when it was relayed.", &lag);
    }
    if let Some(bytes) = assets::weight() {
        let bytes = bytes.to_string();
        page.one("monkeytown_page_bytes", "gauge", "All files of the page as they go over the wire.", &bytes);
    }
    page.head("monkeytown_build_info", "gauge", "The program that runs.");
    page.line(&format!("monkeytown_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), "1");
    if let Some(Shard { index, count }) = shared.town.shard {
        page.head("monkeytown_shard_info", "gauge", "Which of several servers of the town this one is.");
        page.line(&format!("monkeytown_shard_info{{index=\"{index}\",count=\"{count}\"}}"), "1");
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: &str) {
        self.head(name, kind, help);
        self.line(name, value);
    }
}
