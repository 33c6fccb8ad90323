//! The demo's town: a small project as people leave one, with faults that a first look finds.
//! Lives here: its files and its history. Never here: what agents make of it.

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use git2::{IndexAddOption, Repository, Signature, Time};

use crate::cli::{Context, init};
use crate::config::Clock;
use crate::town::starter::Set;

/// What a person says to the rejected pull request: the finding is a documented example.
pub const REJECTION: &str = "SEC-001 is the example from the vendor's manual, not a key of ours";
/// How a person mends the first fault that chaostester finds.
pub const MEND: &str =
    "sed -i 's#docs/setup.md#docs/install.md#' README.md && git commit -qam 'Mend the link to the manual'";

const README: &str = "\
# Banana post

Sends a banana to a friend, by the next monkey.

- [How to install it](docs/setup.md)
- [How a parcel travels](docs/route.md#sorting)
- [Who helped](THANKS.md)

```sh
sh post.sh deliver coconut-bay
```
";
const INSTALL: &str = "\
# Install

Copy `post.sh` to where your shell finds it. It needs nothing but a POSIX shell.
See [the route](route.md) for what happens next.
";
const ROUTE: &str = "\
# The route

## Collecting

A parcel is collected every four hours.

## Sorting by tree

The sorter reads the label and picks a branch.
";
const POST: &str = "\
#!/bin/sh
# Sends a banana.
set -eu

weight() {
  # FIXME: a bunch of more than nine bananas has a weight of two digits and is cut off here
  printf '%s' \"$1\" | cut -c1
}

deliver() {
  # TODO: ask the sorter for the shortest way instead of always taking the river
  echo \"to $1 by the river, $(weight \"${2:-1}\") kg\"
}

\"$@\"
";
const TEST: &str = "\
#!/bin/sh
# Each line is one check in the Test Anything Protocol.
set -u
cd \"$(dirname \"$0\")/..\" || exit 1
echo 1..2
if [ \"$(sh post.sh weight 7)\" = 7 ]; then echo 'ok 1 - a light parcel'; else echo 'not ok 1 - a light parcel'; fi
if [ \"$(sh post.sh weight 12)\" = 12 ]; then echo 'ok 2 - a heavy parcel'; else echo 'not ok 2 - a heavy parcel'; exit 1; fi
";
const MANIFEST: &str = "\
{
  \"name\": \"banana-post\",
  \"version\": \"0.3.0\",
  \"private\": true,
  \"dependencies\": { \"left-branch\": \"*\", \"vine\": \"^2.1.0\" }
}
";

/// Who, how many days ago, with which message, and the files that it adds.
type Step<'a> = (&'a str, i64, &'a str, &'a [(&'a str, &'a str)]);

/// Makes the repository with its history, and makes it a town.
///
/// # Errors
/// When a file or an object cannot be written.
pub fn make(place: &Path, context: &Context) -> anyhow::Result<()> {
    let mut options = git2::RepositoryInitOptions::new();
    // No template: nothing of this machine becomes part of the demo.
    let repo = Repository::init_opts(place, options.initial_head("main").external_template(false))
        .with_context(|| format!("make a repository in {}", place.display()))?;
    let mut config = repo.config()?;
    config.set_str("user.name", "you")?;
    config.set_str("user.email", "you@monkeytown.invalid")?;
    let now = context.env.clock().unwrap_or(Clock::System).now();
    // The vendor's documented example key, put together here so that no scanner takes this file for a leak.
    let key = ["AK", "IA", "IOSFODNN7", "EXAMPLF"].concat();
    let config = format!("# Where parcels are stored.\nbucket = \"coconut-bay\"\naccess_key = \"{key}\"\n");
    let history: [Step<'_>; 4] = [
        (
            "Coco",
            420,
            "Send bananas",
            &[("README.md", README), ("post.sh", POST), ("LICENSE", "MIT License\n\nCopyright the banana post\n")],
        ),
        ("Kiki", 90, "Describe the route", &[("docs/install.md", INSTALL), ("docs/route.md", ROUTE)]),
        ("Coco", 12, "Store parcels", &[("store.toml", &config), ("package.json", MANIFEST)]),
        ("Momo", 2, "Test light and heavy parcels", &[("tests/run.sh", TEST)]),
    ];
    for (who, days, message, files) in history {
        for (path, text) in files {
            let path = place.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(place))?;
            std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
        commit(&repo, who, now - TimeDelta::days(days), message)?;
    }
    init::write_starter(place, "banana-post", Set::Monkeys)?;
    let settings = place.join(".monkeytown/town.yaml");
    let mut text = std::fs::read_to_string(&settings)?;
    text.push_str("\n# The project's own tests, for the sense `tests`.\ntests:\n  command: sh tests/run.sh\n");
    std::fs::write(&settings, text)?;
    commit(&repo, "you", now, "Make this repository a town")
}

fn commit(repo: &Repository, who: &str, at: DateTime<Utc>, message: &str) -> anyhow::Result<()> {
    let mut index = repo.index()?;
    index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = repo.find_tree(index.write_tree()?)?;
    let who =
        Signature::new(who, &format!("{}@monkeytown.invalid", who.to_lowercase()), &Time::new(at.timestamp(), 0))?;
    let parent = repo.head().ok().and_then(|head| head.peel_to_commit().ok());
    repo.commit(Some("HEAD"), &who, &who, message, &tree, &parent.iter().collect::<Vec<_>>())?;
    Ok(())
}
