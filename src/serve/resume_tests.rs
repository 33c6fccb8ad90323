//! Whatever comes in, in whatever pieces a socket takes it, and wherever somebody begins: everything arrives once and in order, or
//! the loss is told. Lives here: that property, over the hub as it is. Never here: sockets.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt as _;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::cursor::{Cursor, Progress};
use super::filter::Filter;
use super::frame;
use super::hub::{Beginning, Hub, Incoming, Start};
use super::offset;
use super::ring::{Capacity, Offset};
use super::tail::{Shape, Stretch, Tail};
use super::view::{BOUNDS, Bounds, Views};

/// One thing that happens to the hub or to one of three listeners.
#[derive(Clone, Debug)]
enum Step {
    Record(bool),
    Publish(bool),
    Feed { who: usize, takes: Vec<usize> },
    Take { who: usize, most: usize },
    Rejoin { who: usize, back: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0_usize..3;
    prop_oneof![
        3 => any::<bool>().prop_map(Step::Record),
        3 => any::<bool>().prop_map(Step::Publish),
        3 => (who.clone(), prop::collection::vec(0_usize..400, 1..6)).prop_map(|(who, takes)| Step::Feed { who, takes }),
        2 => (who.clone(), 1_usize..5).prop_map(|(who, most)| Step::Take { who, most }),
        1 => (who, 0_usize..12).prop_map(|(who, back)| Step::Rejoin { who, back }),
    ]
}

/// A listener: what it reads from, and everything that it has heard since it joined.
struct Listener {
    cursor: Cursor,
    filter: Filter,
    bytes: Vec<u8>,
    heard: Vec<Offset>,
    since: Offset,
}

fn event(id: &str, of_ada: bool) -> Box<RawValue> {
    let agent = if of_ada { "ada" } else { "bob" };
    serde_json::value::to_raw_value(&serde_json::json!({
        "id": id, "type": "monkeytown.run.step.v1", "subject": format!("agent/{agent}"), "actor": format!("agent:{agent}"),
    }))
    .unwrap()
}

/// The town as the test knows it: every event with its offset and whose it is.
struct Model {
    hub: Hub,
    all: BTreeMap<Offset, bool>,
    seq: u64,
    listeners: Vec<Listener>,
    /// How often a file was handed over.
    files: usize,
}

impl Model {
    fn new(frames: usize, bounds: Bounds) -> Self {
        let mut hub = Hub::new(Capacity { frames, bytes: 100_000 }, Value::Null);
        hub.views = Views::new(bounds);
        hub.restart(Beginning { epoch: "e".to_owned(), ..Beginning::default() }, |_| ());
        // What is long enough for a file here are two events.
        hub.write().tail = Tail::new(Shape { file: 900, files: 2, least: 250 });
        let filters = [None, Some("ada"), Some("bob")];
        let listeners = filters.map(|agent| {
            let filter = Filter::read(None, agent, None).unwrap();
            let cursor = hub.join(&Start::Now, filter.clone(), "").unwrap().cursor;
            Listener { cursor, filter, bytes: Vec::new(), heard: Vec::new(), since: 0 }
        });
        Self { hub, all: BTreeMap::new(), seq: 0, listeners: listeners.into(), files: 0 }
    }

    fn record(&mut self, of_ada: bool) {
        self.seq += 1;
        let (offset, id) = (offset::of_seq(self.seq), format!("r{}", self.seq));
        let json = event(&id, of_ada);
        let incoming = || Incoming { offset, seq: Some(self.seq), id: &id, json: &json };
        assert_eq!(self.hub.put([incoming(), incoming()]), 1, "what comes twice is there once");
        self.all.insert(offset, of_ada);
    }

    fn publish(&mut self, of_ada: bool) {
        let id = format!("p{}", self.all.len());
        let given = self.hub.publish(&[(&id, &event(&id, of_ada))]);
        self.all.insert(given[0], of_ada);
    }

    /// Joins anew behind what was heard so far, or some events before that.
    fn rejoin(&mut self, who: usize, back: usize) {
        let newest_first: Vec<Offset> = self.all.keys().rev().copied().collect();
        let place = newest_first.get(back).copied().unwrap_or_default();
        let listener = &mut self.listeners[who];
        let joined = self.hub.join(&Start::After(Some("e".to_owned()), place), listener.filter.clone(), "").unwrap();
        let gap = joined.greeting.iter().find(|said| frame::is_gap(said.begins()));
        let held = self.hub.fill().0;
        // Behind `back` newer events: they are all here as long as the ring holds them.
        assert_eq!(gap.is_some(), newest_first.len().min(back) > held, "{back} of {held}");
        listener.since = if gap.is_some() { *newest_first.first().unwrap_or(&0) } else { place };
        (listener.cursor, listener.bytes, listener.heard) = (joined.cursor, Vec::new(), Vec::new());
    }

    fn feed(&mut self, who: usize, takes: &[usize]) {
        for most in takes {
            let listener = &mut self.listeners[who];
            let (bytes, files) = (&mut listener.bytes, &mut self.files);
            let mut sink = |stretch: Stretch<'_>| {
                let whole = match stretch {
                    Stretch::Bytes(parts) => parts.iter().flat_map(|part| part.iter().copied()).collect(),
                    Stretch::File(file, at, length) => {
                        *files += 1;
                        let mut pages = vec![0; length];
                        file.read_exact_at(&mut pages, at).unwrap();
                        pages
                    }
                };
                let took = whole.len().min(*most);
                bytes.extend(&whole[..took]);
                if took == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(took) }
            };
            match self.hub.feed(&mut listener.cursor, &mut sink).unwrap() {
                Progress::Lagged => return self.lagged(who),
                progress => assert_ne!(progress, Progress::Reset),
            }
        }
        self.listeners[who].unwrap_frames();
    }

    fn take(&mut self, who: usize, most: usize) {
        let listener = &mut self.listeners[who];
        // Who reads frames and who reads bytes are never the same in one connection; nothing may be cut here.
        if !listener.cursor.is_between_frames() {
            return;
        }
        match self.hub.take(&mut listener.cursor, most, most * 150) {
            None => self.lagged(who),
            Some(taken) => {
                assert!(taken.len() <= most);
                listener.heard.extend(taken.iter().map(|(offset, _)| *offset));
            }
        }
    }

    /// What it heard until now must be right, and it begins again at the head.
    fn lagged(&mut self, who: usize) {
        let listener = &mut self.listeners[who];
        listener.unwrap_frames();
        self.check(who, false);
        self.rejoin(who, 0);
    }

    fn wanted(&self, who: usize) -> Vec<Offset> {
        let listener = &self.listeners[who];
        let passes = |of_ada: bool| who == 0 || of_ada == (who == 1);
        self.all.iter().filter(|(at, of_ada)| **at > listener.since && passes(**of_ada)).map(|(at, _)| *at).collect()
    }

    fn check(&self, who: usize, all: bool) {
        let (wanted, heard) = (self.wanted(who), &self.listeners[who].heard);
        let wanted = if all { &wanted[..] } else { &wanted[..heard.len().min(wanted.len())] };
        assert_eq!(heard, wanted, "listener {who}");
        if let Some(last) = heard.last() {
            assert!(self.listeners[who].cursor.last >= *last, "it resumes behind what it heard");
        }
    }
}

impl Listener {
    /// Reads the frames that are whole.
    fn unwrap_frames(&mut self) {
        while let Some(length) = frame::length(&self.bytes).filter(|length| *length <= self.bytes.len()) {
            let whole: Vec<u8> = self.bytes.drain(..length).collect();
            let message: Value = serde_json::from_slice(frame::payload(&whole)).unwrap();
            self.heard.push(message["offset"].as_str().unwrap().parse().unwrap());
        }
    }
}

proptest! {
    #[test]
    fn everything_arrives_once_and_in_order(
        frames in 1_usize..20,
        bounds in (1_usize..8, 1_usize..4),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut model = Model::new(frames, Bounds { frames: bounds.0, runs: bounds.1, filters: 2 });
        for step in steps {
            match step {
                Step::Record(of_ada) => model.record(of_ada),
                Step::Publish(of_ada) => model.publish(of_ada),
                Step::Feed { who, takes } => model.feed(who, &takes),
                Step::Take { who, most } => model.take(who, most),
                Step::Rejoin { who, back } => model.rejoin(who, back),
            }
            (0..3).for_each(|who| model.check(who, false));
        }
        for who in 0..3 {
            // Enough to look through and to empty any ring of this test, and the end is looked at twice.
            model.feed(who, &[usize::MAX; 120]);
            model.check(who, true);
        }
    }
}

#[test]
fn an_event_that_is_larger_than_the_ring_is_said_to_be_missing() {
    let hub = Hub::new(Capacity { frames: 10, bytes: 1_000 }, Value::Null);
    hub.restart(Beginning { epoch: "e".to_owned(), ..Beginning::default() }, |_| ());
    let filters = [None, Some("ada")].map(|agent| Filter::read(None, agent, None).unwrap());
    let mut cursors: Vec<Cursor> =
        filters.iter().map(|filter| hub.join(&Start::Now, filter.clone(), "").unwrap().cursor).collect();
    let long = format!("long{}", "g".repeat(1_000));
    let publish = |id: &str| hub.publish(&[(id, &event(id, true))])[0];
    assert_eq!(["one", &long, "two"].map(publish), [1, 2, 3]);
    hub.put([Incoming { offset: offset::of_seq(1), seq: Some(1), id: &long, json: &event(&long, true) }]);
    cursors.push(hub.join(&Start::After(None, 1), filters[0].clone(), "").unwrap().cursor);
    for (cursor, before) in cursors.iter_mut().zip([0, 0, 1]) {
        let taken = hub.take(cursor, 10, usize::MAX).unwrap();
        let heard: Vec<Value> = taken.iter().map(|(_, json)| serde_json::from_slice(json).unwrap()).collect();
        let told: Vec<_> =
            heard.iter().map(|one| ["offset", "from", "to", "reason"].map(|part| one[part].as_str())).collect();
        let all = [
            [Some("1"), None, None, None],
            [None, Some("1"), Some("2"), Some("evicted")],
            [Some("3"), None, None, None],
            [None, Some("3"), Some("4294967296"), Some("evicted")],
        ];
        assert_eq!(told, all[before..]);
    }
}

#[test]
fn who_reads_frames_is_given_no_more_once_it_has_enough_bytes() {
    let mut model = Model::new(1_000, BOUNDS);
    (0..50).for_each(|_| model.publish(true));
    let size = model.hub.fill().1 / 50;
    for (bytes, most) in [(1, 1), (10 * size as usize, 11), (usize::MAX, 50)] {
        let mut listener = model.hub.reader(Some(0)).unwrap();
        let (mut frames, mut largest) = (0, 0);
        while let Some(taken) = model.hub.take(&mut listener, 256, bytes).filter(|taken| !taken.is_empty()) {
            (frames, largest) = (frames + taken.len(), largest.max(taken.len()));
        }
        assert_eq!((frames, largest), (50, most), "{bytes}");
    }
}

#[test]
fn a_long_stretch_of_what_is_new_is_handed_over_as_a_file_and_a_short_one_as_bytes() {
    let mut model = Model::new(1_000, BOUNDS);
    for (came, files) in [(1, 0), (2, 1), (1, 1), (2, 2), (40, 2)] {
        (0..came).for_each(|_| model.publish(true));
        model.feed(0, &[usize::MAX; 20]);
        model.check(0, true);
        // What lies back further than the files reach is bytes, and both are the same to who reads.
        assert_eq!(model.files, files, "{came}");
    }
}
