//! Doors: how many times each address may be in.
//! Lives here: counting in and out, and which addresses are one. Never here: how often somebody may ask (see [`super::doorman`]).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// How many times each address is in.
#[derive(Debug, Default)]
pub struct Doors {
    open: Mutex<HashMap<IpAddr, usize>>,
    last_left: Notify,
}

impl Doors {
    /// Lets an address in once more; `None` where it is in `most` times.
    #[must_use]
    pub fn enter(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Pass> {
        let address = neighbourhood(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&address).is_some_and(|count| *count >= most) {
            return None;
        }
        *open.entry(address).or_default() += 1;
        Some(Pass { doors: self.clone(), address })
    }

    /// How many are in, each address as often as it is.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Waits until nobody is in any more.
    pub async fn all_gone(&self) {
        while !self.open.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.last_left.notified().await;
        }
    }
}

/// Who counts as one: an address, and with IPv6 the network that a single host may take any address of.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address => address,
    }
}

/// One that is in, until this is dropped.
#[derive(Debug)]
pub struct Pass {
    doors: Arc<Doors>,
    address: IpAddr,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.doors.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
                self.doors.last_left.notify_one();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_so_many_times_and_a_network_of_the_sixth_version_is_one() {
        let doors = Arc::new(Doors::default());
        let enter = |address: &str| doors.enter(address.parse().unwrap(), 2);
        let (one, _two) = (enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap());
        assert!(enter("2001:db8::3").is_none());
        assert!(enter("2001:db8:0:1::3").is_some());
        assert_eq!(doors.count(), 2);
        drop(one);
        assert_eq!(doors.count(), 1);
        assert!(enter("2001:db8::3").is_some());
        let _mapped = (enter("::ffff:10.0.0.1").unwrap(), enter("10.0.0.1").unwrap());
        assert!(enter("10.0.0.1").is_none() && enter("10.0.0.2").is_some());
    }
}
