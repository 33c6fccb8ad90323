//! Where the default branch stood at a place of the stream.
//! Lives here: finding the commit. Never here: giving commits their places (see [`super::relay`]), writing those down (see
//! [`super::places`]).

use git2::Oid;

use super::hub::Hub;
use super::ring::Offset;

/// The default branch at a place of the stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Stood {
    /// The life of the stream.
    pub epoch: String,
    /// The newest offset that was given away.
    pub newest: Offset,
    /// The commit; none before the oldest of which the stream knows where it stands.
    pub main: Option<Oid>,
    /// That oldest one.
    pub oldest: Option<(Offset, Oid)>,
}

impl Hub {
    /// Where the default branch stood at a place, however much the ring has let go of.
    #[must_use]
    pub fn stood(&self, at: Offset) -> Stood {
        let inner = self.read();
        let until = inner.main.partition_point(|(place, _)| *place <= at);
        Stood {
            epoch: inner.epoch.clone(),
            newest: inner.newest,
            main: inner.main[..until].last().map(|(_, oid)| *oid),
            oldest: inner.main.first().copied(),
        }
    }

    /// The default branch went back to a commit that has its place already, and stands there from now on. Says from where on.
    #[must_use]
    pub fn moved(&self, to: Oid) -> Offset {
        let mut inner = self.write();
        let newest = inner.newest;
        inner.main.push((newest, to));
        newest
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::serve::hub::Beginning;
    use crate::serve::ring::Capacity;

    fn oid(digit: char) -> Oid {
        Oid::from_str(&digit.to_string().repeat(40)).unwrap()
    }

    #[test]
    fn a_branch_stands_where_it_moved_last_also_where_the_ring_knows_nothing_of_it() {
        let hub = Hub::new(Capacity { frames: 1, bytes: 10_000 }, serde_json::Value::Null);
        let main = vec![(3, oid('a')), (5, oid('b'))];
        hub.restart(Beginning { newest: 7, floor: 6, main, ..Beginning::default() }, |_| ());
        let json = serde_json::value::to_raw_value("x").unwrap();
        assert_eq!(hub.place(&[(oid('c'), "c", &json), (oid('d'), "d", &json)]), [8, 9]);
        assert_eq!(hub.publish(&[("said", &json)]), [10]);
        assert_eq!(hub.moved(oid('b')), 10);
        let stood = |at| hub.stood(at).main.map(|oid| oid.to_string().remove(0));
        let told: String = (0..=11).map(|at| stood(at).unwrap_or('-')).collect();
        assert_eq!(told, "---aabbbcdbb");
        assert_eq!((hub.stood(0).newest, hub.stood(0).oldest), (10, Some((3, oid('a')))));
    }
}
