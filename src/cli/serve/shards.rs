//! Which of several servers of one town this one is: the part of its arguments that says so.
//! Lives here: the list of servers, alike at all of them. Never here: which of them a page asks (see `web/src/stream/shards.ts`).

use std::num::NonZeroU16;

use clap::Args;

use super::origin;
use crate::cli::Usage;
use crate::serve::Shard;

/// Servers of one town, at the most: each is named in every answer that has a policy.
const MOST: u16 = 100;
/// What stands for the number of a server.
const NUMBER: &str = "{}";

/// Which of several servers this one is.
#[derive(Clone, Debug, Args)]
pub struct Sharding {
    /// Where several servers serve this town: which of how many this one is, as in 2/3
    #[arg(long, value_name = "I/N", requires = "shard_url", value_parser = shard)]
    shard: Option<Shard>,
    /// The address of each of them in turn, this one among them, the same list at all; or once with `{}` for their numbers 1 to N
    #[arg(long, value_name = "URL", requires = "shard")]
    shard_url: Vec<String>,
}

/// Reads `2/3`.
fn shard(text: &str) -> Result<Shard, String> {
    let bad = |why: String| format!("{why}; say which of how many servers this is, from 1/N to N/N, as in 2/3");
    let number = |text: &str| text.parse::<NonZeroU16>().ok().filter(|_| !text.starts_with('+')).map(NonZeroU16::get);
    let read = text.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
    match read {
        None => Err(bad(format!("{text:?} is not two numbers from 1 on"))),
        Some((index, count)) if index > count => Err(bad(format!("there is no server {index} of {count}"))),
        Some((_, count)) if count > MOST => Err(bad(format!("{count} servers are more than {MOST}"))),
        Some((index, count)) => Ok(Shard { index, count }),
    }
}

impl Sharding {
    /// Which server this is, and the origins of all.
    ///
    /// # Errors
    /// [`Usage`] where the list does not fit.
    pub fn read(&self) -> Result<(Option<Shard>, Vec<String>), Usage> {
        let Some(shard) = self.shard else { return Ok((None, Vec::new())) };
        let bad = |why: String| Usage(format!("--shard-url: {why}"));
        let told: Vec<String> = match self.shard_url.as_slice() {
            [one] if one.contains(NUMBER) => {
                (1..=shard.count).map(|nth| one.replace(NUMBER, &nth.to_string())).collect()
            }
            several => several.to_vec(),
        };
        if let Some(url) = told.iter().find(|url| url.contains(NUMBER)) {
            return Err(bad(format!("{url} stands for all of them; name no other beside it")));
        }
        let (named, count) = (told.len(), shard.count);
        if named != usize::from(count) {
            let how =
                "say it once for each server, in the same order at all, or once with {} where their number stands";
            return Err(bad(format!("{named} named, and --shard says that there are {count}; {how}")));
        }
        let urls = told.iter().map(|url| origin(url)).collect::<Result<Vec<_>, _>>().map_err(bad)?;
        match urls.iter().enumerate().find(|(at, url)| urls[..*at].contains(url)) {
            Some((_, twice)) => Err(bad(format!("{twice} is there twice; each server has an address of its own"))),
            None => Ok((Some(shard), urls)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sharding: Sharding,
    }

    fn read(shard: &str, urls: &[&str]) -> Result<(Option<Shard>, Vec<String>), String> {
        let named = urls.iter().flat_map(|url| ["--shard-url", *url]);
        let line = Line::try_parse_from(["serve", "--shard", shard].into_iter().chain(named));
        line.map_err(|error| error.to_string())?.sharding.read().map_err(|error| error.to_string())
    }

    #[test]
    fn the_list_is_named_or_counted() {
        let (one, two) = ("https://one.example", "https://two.example:8443");
        let wanted = (Some(Shard { index: 2, count: 2 }), vec![one.to_owned(), two.to_owned()]);
        assert_eq!(read("2/2", &["https://ONE.example:443/", two]), Ok(wanted));
        let (shard, urls) = read("3/3", &["http://127.0.0.1:418{}"]).unwrap();
        assert_eq!(urls, ["http://127.0.0.1:4181", "http://127.0.0.1:4182", "http://127.0.0.1:4183"]);
        assert_eq!(shard, Some(Shard { index: 3, count: 3 }));
        assert_eq!(read("1/1", &[one]).unwrap().1, [one]);
        assert_eq!(read("100/100", &["https://s{}.example"]).unwrap().1.len(), 100);
    }

    #[test]
    fn a_list_that_does_not_fit_is_refused() {
        let one = "https://one.example";
        for (shard, urls, why) in [
            ("0/2", vec!["https://{}.example"], "is not two numbers from 1 on"),
            ("3/2", vec!["https://{}.example"], "there is no server 3 of 2"),
            ("2", vec!["https://{}.example"], "is not two numbers from 1 on"),
            ("+1/2", vec!["https://{}.example"], "is not two numbers from 1 on"),
            ("1/70000", vec!["https://{}.example"], "is not two numbers from 1 on"),
            ("1/101", vec!["https://{}.example"], "101 servers are more than 100"),
            ("1/2", vec![], "--shard-url"),
            ("1/2", vec![one], "1 named, and --shard says that there are 2"),
            ("1/1", vec![one, "https://two.example"], "2 named"),
            ("1/2", vec![one, "https://two.example/town"], "is no origin"),
            ("1/2", vec![one, "https://{}.example"], "stands for all of them"),
            ("1/2", vec![one, "two.example"], "is no origin"),
            ("1/2", vec!["ftp://{}.example"], "is no origin"),
            ("2/2", vec![one, "https://One.example:443"], "https://one.example is there twice"),
            ("1/2", vec!["https://town.example/{}"], "is no origin"),
        ] {
            let error = read(shard, &urls).unwrap_err();
            assert!(error.contains(why), "{shard} {urls:?}: {error}");
        }
    }
}
