//! git's commit graph: the file in which `git gc` and `git maintenance` note the parents of all commits.
//! Lives here: finding a commit in it and going to its parent (gitformat-commit-graph(5), version 1, one file, SHA-1).
//! Never here: believing it (see [`super::chunks`]), writing it.

use std::fs;
use std::path::Path;

use git2::Oid;

/// A larger file is not worth reading for one branch.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// What stands where there is no parent.
const NO_PARENT: u32 = 0x7000_0000;
const ID_BYTES: usize = 20;
const DATA_BYTES: usize = 36;

/// The file in memory. Whatever is damaged in it reads as nothing.
pub(super) struct Graph {
    bytes: Vec<u8>,
    fanout: usize,
    ids: usize,
    data: usize,
    count: u32,
}

impl Graph {
    /// Reads the commit graph of the repository with this common folder, if there is one in a form that is known here.
    pub(super) fn read(common: &Path) -> Option<Self> {
        let path = common.join("objects/info/commit-graph");
        if fs::metadata(&path).ok()?.len() > MOST_BYTES {
            return None;
        }
        Self::parse(fs::read(path).ok()?)
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        // Magic, version, SHA-1; then the number of chunks, and no graph below this one.
        let (Some(b"CGPH\x01\x01"), Some(chunks), Some(0)) = (bytes.get(..6), bytes.get(6), bytes.get(7)) else {
            return None;
        };
        let chunk = |name: &[u8]| -> Option<usize> {
            let entry =
                (0..usize::from(*chunks)).map(|n| 8 + 12 * n).find(|at| bytes.get(*at..at + 4) == Some(name))?;
            let offset = u64::from_be_bytes(bytes.get(entry + 4..entry + 12)?.try_into().ok()?);
            usize::try_from(offset).ok().filter(|offset| *offset < bytes.len())
        };
        let (fanout, ids, data) = (chunk(b"OIDF")?, chunk(b"OIDL")?, chunk(b"CDAT")?);
        let mut graph = Self { bytes, fanout, ids, data, count: 0 };
        graph.count = graph.number(graph.fanout + 255 * 4)?;
        Some(graph)
    }

    fn number(&self, at: usize) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
    }

    /// How many commits there are.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    fn raw(&self, place: u32) -> Option<&[u8]> {
        let at = self.ids.checked_add(usize::try_from(place).ok()?.checked_mul(ID_BYTES)?)?;
        self.bytes.get(at..at.checked_add(ID_BYTES)?).filter(|_| place < self.count)
    }

    /// The commit at a place.
    pub(super) fn id(&self, place: u32) -> Option<Oid> {
        Oid::from_bytes(self.raw(place)?).ok()
    }

    /// The place of a commit.
    pub(super) fn find(&self, oid: Oid) -> Option<u32> {
        let first = usize::from(*oid.as_bytes().first()?);
        let mut from = if first == 0 { 0 } else { self.number(self.fanout + (first - 1) * 4)? };
        let mut to = self.number(self.fanout + first * 4)?.min(self.count);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.raw(middle)?.cmp(oid.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// The place of the only parent: `Some(None)` where there is none, nothing for a merge or damage.
    pub(super) fn parent(&self, place: u32) -> Option<Option<u32>> {
        let at = self.data.checked_add(usize::try_from(place).ok()?.checked_mul(DATA_BYTES)?)?.checked_add(ID_BYTES)?;
        match (self.number(at)?, self.number(at + 4)?) {
            (NO_PARENT, NO_PARENT) => Some(None),
            (parent, NO_PARENT) if parent < self.count => Some(Some(parent)),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A commit graph as git writes it, of commits that each have the one before as their only parent.
    pub(in super::super) fn of_chain(chain: &[Oid]) -> Vec<u8> {
        let mut sorted: Vec<Oid> = chain.to_vec();
        sorted.sort();
        let place = |oid: &Oid| u32::try_from(sorted.binary_search(oid).unwrap()).unwrap();
        let (fanout, ids) = (8 + 12 * 4, 8 + 12 * 4 + 1024);
        let data = ids + sorted.len() * ID_BYTES;
        let mut bytes = b"CGPH\x01\x01\x03\x00".to_vec();
        for (name, offset) in [(b"OIDF", fanout), (b"OIDL", ids), (b"CDAT", data), (b"\0\0\0\0", data)] {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&(offset as u64).to_be_bytes());
        }
        for first in 0..=255_u8 {
            let up_to = sorted.iter().filter(|oid| oid.as_bytes()[0] <= first).count();
            bytes.extend_from_slice(&u32::try_from(up_to).unwrap().to_be_bytes());
        }
        sorted.iter().for_each(|oid| bytes.extend_from_slice(oid.as_bytes()));
        for oid in &sorted {
            let at = chain.iter().position(|other| other == oid).unwrap();
            let parent = at.checked_sub(1).map_or(NO_PARENT, |before| place(&chain[before]));
            bytes.extend_from_slice(&[0; ID_BYTES]);
            bytes.extend_from_slice(&parent.to_be_bytes());
            bytes.extend_from_slice(&NO_PARENT.to_be_bytes());
            bytes.extend_from_slice(&[0; 8]);
        }
        bytes
    }

    fn chain(length: u8) -> Vec<Oid> {
        (0..length).map(|n| Oid::hash_object(git2::ObjectType::Blob, &[n]).unwrap()).collect()
    }

    #[test]
    fn it_finds_every_commit_and_its_parent() {
        let chain = chain(200);
        let graph = Graph::parse(of_chain(&chain)).unwrap();
        assert_eq!(graph.count(), 200);
        for (at, oid) in chain.iter().enumerate() {
            let place = graph.find(*oid).unwrap();
            assert_eq!(graph.id(place), Some(*oid));
            let parent = graph.parent(place).unwrap().map(|place| graph.id(place).unwrap());
            assert_eq!(parent, at.checked_sub(1).map(|before| chain[before]));
        }
        assert_eq!(graph.find(Oid::ZERO_SHA1), None);
        assert_eq!((graph.id(200), graph.parent(NO_PARENT)), (None, None));
    }

    #[test]
    fn another_format_is_not_read() {
        let good = of_chain(&chain(3));
        for (at, byte) in [(0, b'X'), (4, 2), (5, 2), (6, 0), (7, 1)] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert!(Graph::parse(bytes).is_none(), "byte {at}");
        }
        assert!(Graph::parse(Vec::new()).is_none());
        assert!(Graph::parse(good[..60].to_vec()).is_none());
    }

    proptest! {
        #[test]
        fn damage_never_panics(flips in prop::collection::vec((0..1_500_usize, any::<u8>()), 1..20), cut in 0..1_500_usize) {
            let chain = chain(6);
            let mut bytes = of_chain(&chain);
            for (at, byte) in flips {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 10));
            if let Some(graph) = Graph::parse(bytes) {
                for oid in chain {
                    if let Some(place) = graph.find(oid) {
                        let _ = (graph.id(place), graph.parent(place));
                    }
                }
            }
        }
    }
}
