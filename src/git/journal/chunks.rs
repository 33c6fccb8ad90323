//! Reading the whole journal on every core, where git's commit graph tells the ids beforehand.
//! Lives here: the ids, the chunks, and the proof that they join. Never here: trusting the commit graph (what it
//! says is only where to look; the commits themselves say what their parents are), decoding.
//!
//! A chain of commits is read one after the other, because each names the next one. `git gc` and `git maintenance` leave a
//! file that holds all the names, which is small and needs no inflating: with it the chain is cut into pieces, which are
//! read side by side and handed on in their order while the next ones are read.

use std::sync::mpsc::{self, SyncSender};

use git2::{ObjectType, Odb, Oid, Repository};

use super::codec;
use super::graph::Graph;
use super::read::{self, Bulk, Step};

/// Below this many commits the threads would cost more than they bring.
const WORTH_IT: usize = 2_000;
/// More threads than this wait for memory, not for the processor.
const THREADS: usize = 4;
/// So many commits are read at once.
const CHUNK: usize = 256;
/// So many chunks may be read by one thread and not yet taken.
const AHEAD: usize = 8;

/// Hands every commit from the first one to `tip` to `take`, until that refuses one. Each is proved to have the one before
/// as its parent, and the first to have none. Nothing where that cannot be read in chunks, and where anything is not as it
/// should be or was refused: the plain walk then says what.
pub(super) fn each(repo: &Repository, tip: Oid, take: impl FnMut(Step) -> Option<()>) -> Option<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    if threads < 2 || repo.is_shallow() {
        return None;
    }
    let odb = repo.odb().ok()?;
    let graph = Graph::read(repo.commondir())?;
    let _bulk = Bulk::begin();
    let mut ids = ids(&odb, &graph, tip)?;
    if ids.len() < WORTH_IT {
        return None;
    }
    ids.reverse();
    each_of(&odb, &ids, threads, take)
}

fn each_of(odb: &Odb<'_>, ids: &[Oid], threads: usize, mut take: impl FnMut(Step) -> Option<()>) -> Option<()> {
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..threads)
            .map(|nth| {
                let (send, receive) = mpsc::sync_channel(AHEAD);
                scope.spawn(move || read_turns(odb, ids.chunks(CHUNK).skip(nth).step_by(threads), &send));
                receive
            })
            .collect();
        let mut before = None;
        for nth in 0..ids.len().div_ceil(CHUNK) {
            for step in readers[nth % threads].recv().ok()?? {
                if step.parent != before {
                    return None;
                }
                before = Some(step.oid);
                take(step)?;
            }
        }
        Some(())
    })
}

/// Reads the chunks whose turn it is, until nobody takes them any more.
fn read_turns<'a>(odb: &Odb<'_>, turns: impl Iterator<Item = &'a [Oid]>, send: &SyncSender<Option<Vec<Step>>>) {
    for chunk in turns {
        let steps = chunk.iter().map(|oid| one(odb, *oid)).collect();
        if send.send(steps).is_err() {
            return;
        }
    }
}

/// The commits from the tip down: first those that are younger than the graph, then as the graph says.
fn ids(odb: &Odb<'_>, graph: &Graph, tip: Oid) -> Option<Vec<Oid>> {
    let (mut ids, mut next) = (Vec::new(), tip);
    let mut place = loop {
        if let Some(place) = graph.find(next) {
            break Some(place);
        }
        // So many are missing in it that it is of no use.
        if ids.len() >= WORTH_IT {
            return None;
        }
        ids.push(next);
        next = codec::header(odb.read(next).ok()?.data()).ok()?.parent?;
    };
    let most = ids.len() + usize::try_from(graph.count()).ok()?;
    while let Some(at) = place {
        // A damaged graph may go in a circle.
        if ids.len() >= most {
            return None;
        }
        ids.push(graph.id(at)?);
        place = graph.parent(at)?;
    }
    Some(ids)
}

fn one(odb: &Odb<'_>, oid: Oid) -> Option<Step> {
    let object = odb.read(oid).ok().filter(|object| object.kind() == ObjectType::Commit)?;
    read::step(oid, object.data()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::git::journal::codec::Position;
    use crate::git::journal::graph::tests::of_chain;
    use crate::town::envelope::Envelope;

    /// A repository with so many journal commits of one event each.
    pub(in super::super) fn journal(commits: u64) -> (tempfile::TempDir, Repository, Oid) {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(dir.path()).unwrap();
        let who = git2::Signature::new("x", "x@monkeytown.invalid", &git2::Time::new(0, 0)).unwrap();
        let tree = repo.treebuilder(None).unwrap().write().unwrap();
        let mut tip: Option<Oid> = None;
        for n in 1..=commits {
            let line = format!(
                r#"{{"specversion":"1.0","id":"{n}","type":"x.v1","source":"/","time":"2026-01-01T00:00:00Z","actor":"a","data":{n}}}"#
            );
            let events = [Envelope::parse(&line).unwrap()];
            let message = codec::message("it happened", &events, Position { seq: n, height: n }).unwrap();
            let parent = tip.map(|oid| repo.find_commit(oid).unwrap());
            let parents: Vec<_> = parent.iter().collect();
            let tree = repo.find_tree(tree).unwrap();
            tip = Some(repo.commit(None, &who, &who, &message, &tree, &parents).unwrap());
        }
        (dir, repo, tip.unwrap())
    }

    fn shown(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| format!("{step:?}")).collect()
    }

    /// The ids, oldest first, as the walk has them.
    fn walked(repo: &Repository, tip: Oid) -> (Vec<Step>, Vec<Oid>) {
        let (steps, _) = read::steps(repo, tip, |_, _| false).unwrap();
        let steps: Vec<Step> = steps.into_iter().map(Result::unwrap).collect();
        let ids = steps.iter().map(|step| step.oid).collect();
        (steps, ids)
    }

    fn graph_of(chain: &[Oid]) -> Graph {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("objects/info")).unwrap();
        std::fs::write(dir.path().join("objects/info/commit-graph"), of_chain(chain)).unwrap();
        Graph::read(dir.path()).unwrap()
    }

    /// What the chunks give, or nothing.
    fn chunked(repo: &Repository, ids: &[Oid], threads: usize) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        each_of(&repo.odb().unwrap(), ids, threads, |step| {
            steps.push(step);
            Some(())
        })?;
        Some(steps)
    }

    #[test]
    fn chunks_give_what_the_walk_gives() {
        let more = CHUNK as u64 * 3 + 7;
        let (_dir, repo, tip) = journal(more);
        let (steps, chain) = walked(&repo, tip);
        for threads in [1, 2, 3, 4, 23] {
            assert_eq!(shown(&chunked(&repo, &chain, threads).unwrap()), shown(&steps), "{threads} threads");
        }
        // What is refused ends it, however much was read ahead.
        let mut left = 300;
        let refuse = |_| {
            left -= 1;
            (left > 0).then_some(())
        };
        assert!(each_of(&repo.odb().unwrap(), &chain, 2, refuse).is_none());
        assert_eq!(left, 0);
    }

    #[test]
    fn the_graph_tells_the_ids_and_what_is_younger_is_read() {
        let (_dir, repo, tip) = journal(9);
        let (_, mut chain) = walked(&repo, tip);
        let odb = repo.odb().unwrap();
        for known in 1..=9 {
            let graph = graph_of(&chain[..known]);
            let mut ids = ids(&odb, &graph, tip).unwrap();
            ids.reverse();
            assert_eq!(ids, chain, "the graph knows {known}");
        }
        assert!(ids(&odb, &graph_of(&[Oid::ZERO_SHA1]), tip).is_none(), "a graph of something else");
        // A graph that lies about the order is found out when the commits are read.
        chain.swap(3, 4);
        let mut lie = ids(&odb, &graph_of(&chain), tip).unwrap();
        lie.reverse();
        assert!(chunked(&repo, &lie, 2).is_none());
    }

    #[test]
    fn what_does_not_join_is_refused() {
        let (_dir, repo, tip) = journal(6);
        let (_, chain) = walked(&repo, tip);
        let without = |left_out: usize| {
            let mut ids = chain.clone();
            ids.remove(left_out);
            chunked(&repo, &ids, 2)
        };
        // Without the tip it is a chain still; the ids always begin with that.
        assert!((0..5).all(|left_out| without(left_out).is_none()), "a commit is missing");
        assert!(chunked(&repo, &[tip, Oid::ZERO_SHA1], 2).is_none(), "an object is missing");
    }
}
