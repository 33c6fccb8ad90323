//! Metrics in the text format of Prometheus (version 0.0.4).
//! Lives here: names, types and help of each figure. Never here: counting.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Shared;

/// `GET /metrics`.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page(&shared)).into_response()
}

fn page(shared: &Shared) -> String {
    let hub = &shared.hub;
    let (town, _, _) = hub.state();
    let (events, bytes, _) = hub.fill();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
    let mut page = Page::default();
    page.one("monkeytown_witnesses", "gauge", "Subscribers that are connected.", &count(&hub.counts.witnesses));
    page.head(
        "monkeytown_stream_events_total",
        "counter",
        "Events that came into the stream, by where they came from.",
    );
    page.line("monkeytown_stream_events_total{kind=\"recorded\"}", &count(&hub.counts.recorded));
    page.line("monkeytown_stream_events_total{kind=\"published\"}", &count(&hub.counts.published));
    page.one(
        "monkeytown_stream_delivered_total",
        "counter",
        "Frames that were handed to subscribers.",
        &count(&hub.counts.delivered),
    );
    page.one(
        "monkeytown_stream_lagged_total",
        "counter",
        "Subscribers that read too slowly and were let go.",
        &count(&hub.counts.lagged),
    );
    page.one(
        "monkeytown_connections_refused_total",
        "counter",
        "Connections beyond what one address may have.",
        &count(&hub.counts.refused),
    );
    page.one("monkeytown_ring_events", "gauge", "Frames in the ring.", &events.to_string());
    page.one("monkeytown_ring_bytes", "gauge", "Bytes in the ring.", &bytes.to_string());
    page.one(
        "monkeytown_journal_seq",
        "gauge",
        "Sequence number of the newest event of the journal.",
        &town.seq.to_string(),
    );
    page.head("monkeytown_runs_total", "counter", "Runs of the town over all history.");
    page.line("monkeytown_runs_total{outcome=\"started\"}", &town.totals.runs.to_string());
    page.line("monkeytown_runs_total{outcome=\"failed\"}", &town.totals.failed.to_string());
    let up = u8::from(shared.relay.trouble().is_none());
    page.one("monkeytown_relay_up", "gauge", "1 while the repository can be read.", &up.to_string());
    page.head("monkeytown_build_info", "gauge", "The program that runs.");
    page.line(&format!("monkeytown_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), "1");
    page.text
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
