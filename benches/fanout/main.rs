//! One stream to many readers: `monkeytown serve` beside nats-server, redis, Node's `ws`, Bun, nginx with nchan, and axum with a
//! broadcast channel, under the same load in the same run.
//!
//! Lives here: which loads are tried, and what is printed: one line of JSON for each, then a table. Sizes by the environment:
//! `BENCH_SUBSCRIBERS`, `BENCH_RATES` (messages each second), `BENCH_BYTES`, `BENCH_SECONDS`, `BENCH_PEERS`. Peers that are not
//! installed are left out and named; `ws` is looked for in `BENCH_WS`, Bun in `BENCH_BUN`, the one of axum (build it with `cargo build
//! --release --manifest-path benches/fanout/axum/Cargo.toml --target-dir target/axum`) in `BENCH_AXUM`. Everything stays on the loopback interface.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench is an edge: it reads the clock, waits by itself, and rounds"
)]

mod load;
mod peers;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use load::{Load, Outcome};
use peers::{Peer, Server};
use serde_json::json;

fn main() {
    if support::only_started() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let names = support::words("BENCH_PEERS", "monkeytown,nats,redis,node-ws,bun,nchan,axum");
    let size = support::number("BENCH_BYTES", 340, 340);
    let time = Duration::from_secs(support::number("BENCH_SECONDS", 2, 10) as u64);
    for subscribers in support::numbers("BENCH_SUBSCRIBERS", &[100], &[1_000]) {
        println!(
            "| {subscribers} readers, {size} bytes | sent/s | delivered/s | lost | p50 | p99 | max | processor | memory |"
        );
        for rate in support::numbers("BENCH_RATES", &[1_000], &[1_000, 2_000, 5_000, 10_000]) {
            for peer in Peer::ALL.into_iter().filter(|peer| names.iter().any(|name| name == peer.name())) {
                let load = Load { subscribers, rate: rate as u64, size, time };
                runtime.block_on(measure(peer, load));
            }
        }
    }
}

/// One server, anew, under one load.
async fn measure(peer: Peer, load: Load) {
    let home = tempfile::tempdir().expect("a folder is made");
    let Some(server) = peers::start(peer, home.path()) else {
        eprintln!("{} is not installed", peer.name());
        return;
    };
    let before = processor(server.id());
    let listens = server.listens();
    let outcome = load::run(load, peer == Peer::Nats, || Server::subscribe(listens, peer), server.publisher()).await;
    print(peer, load, &outcome, processor(server.id()) - before, memory(server.id()));
}

fn print(peer: Peer, load: Load, outcome: &Outcome, processor: f64, memory: u64) {
    let took = outcome.took.as_secs_f64().max(1e-9);
    let (sent, delivered) = (outcome.sent as f64 / took, outcome.delivered as f64 / took);
    let (p50, p99, max) = (outcome.quantile(500), outcome.quantile(990), outcome.quantile(1000));
    let line = json!({
        "bench": "fanout", "peer": peer.name(), "subscribers": load.subscribers, "rate": load.rate, "bytes": load.size,
        "sent": outcome.sent, "delivered": outcome.delivered, "lost": outcome.lost, "disordered": outcome.disordered,
        "closed": outcome.closed, "wire_bytes": outcome.bytes, "seconds": took, "sent_per_s": sent.round(),
        "delivered_per_s": delivered.round(), "p50_ms": p50, "p99_ms": p99, "max_ms": max, "server_cpu_s": processor,
        "server_peak_kib": memory,
    });
    println!("{line}");
    println!(
        "| {} at {} | {sent:.0} | {:.2} M | {} | {p50:.1} ms | {p99:.1} ms | {max:.1} ms | {:.0} % | {} MiB |",
        peer.name(),
        load.rate,
        delivered / 1e6,
        outcome.lost,
        processor / took * 100.0,
        memory / 1024,
    );
}

/// Seconds of processor time that a process took so far.
fn processor(id: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = [11, 12].iter().filter_map(|field| fields.get(*field)?.parse::<f64>().ok()).sum::<f64>();
    ticks / 100.0
}

/// The most memory that a process had, in KiB.
fn memory(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
