//! The map that witnesses see: its landmarks with their names, and which agent lives where. `.monkeytown/world.yaml` may say
//! other names and homes than the usual ones.
//! Lives here: the landmarks, every key of that file with its JSON Schema, its rules, and the world that follows from it.
//! Never here: how anything looks or who stands where (see `web/src/world`), opening the file.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use schemars::{Schema, SchemaGenerator};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::ids::AgentId;
use super::path::fold;
use super::text::bad_line;
use super::yaml::{self, Doc};

/// The file.
pub const WORLD_FILE: &str = ".monkeytown/world.yaml";

/// What it is often called instead.
pub(super) const MISSPELT: &str = ".monkeytown/world.yml";

/// The rules of the file: name, and what they ask for.
pub const RULES: &[(&str, &str)] = &[
    ("world-file", "the file is called `.monkeytown/world.yaml`"),
    ("world-name", "a landmark's name has 1 to 32 visible characters on one line, and no other landmark has it"),
    ("world-domain", "what a landmark stands for has 1 to 64 visible characters on one line"),
    (HOME, "an agent's home is a building that has beds, and the agent has a charter"),
];
const HOME: &str = "world-home";

/// Characters of a landmark's name.
const NAME: usize = 32;
/// Characters of what it stands for.
const DOMAIN: usize = 64;
/// Tiles of the map from west to east, and from north to south.
const SIZE: (u32, u32) = (33, 21);
/// The keys of the top level.
const KEYS: [&str; 2] = ["landmarks", "homes"];

/// A place of the map that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Landmark {
    /// The residents.
    Hall,
    /// Memories; whoever perceives reads here.
    Library,
    /// Changes under way.
    Tower,
    /// What was spent.
    Bank,
    /// Refusals of the gate.
    Watch,
    /// Open threads.
    Board,
    /// What was merged from here.
    Studio,
    /// Changes by state.
    Stones,
    /// The gate's last check.
    Lab,
    /// What was rejected from here.
    Grove,
    /// Runs under way.
    Workshop,
    /// Other towns.
    Dock,
    /// Open pull requests.
    Gate,
    /// What was merged.
    Tree,
    /// Reactions; whoever decides sits here.
    Fire,
}

/// A landmark as it is where nobody says otherwise.
struct Site {
    landmark: Landmark,
    id: &'static str,
    name: &'static str,
    domain: &'static str,
    /// The tile of the middle of its foot.
    tile: (u32, u32),
    /// Whether agents can live there.
    has_beds: bool,
}

const fn site(
    landmark: Landmark,
    id: &'static str,
    name: &'static str,
    domain: &'static str,
    tile: (u32, u32),
    has_beds: bool,
) -> Site {
    Site { landmark, id, name, domain, tile, has_beds }
}

/// All of them, in the order in which they are listed. The tiles are those of the ground plan of the page.
const SITES: [Site; 15] = [
    site(Landmark::Hall, "hall", "Town Hall", "vision", (15, 6), true),
    site(Landmark::Library, "library", "Library", "research and memories", (4, 6), true),
    site(Landmark::Tower, "tower", "Tower", "architecture", (9, 6), true),
    site(Landmark::Bank, "bank", "Banana Bank", "economy", (21, 6), true),
    site(Landmark::Watch, "watch", "Watchtower", "security", (25, 7), true),
    site(Landmark::Board, "board", "Board", "open threads", (9, 10), false),
    site(Landmark::Studio, "studio", "Studio", "experience", (3, 12), true),
    site(Landmark::Stones, "stones", "Spec stones", "changes by state", (16, 15), false),
    site(Landmark::Lab, "lab", "Test Lab", "tests", (4, 18), true),
    site(Landmark::Grove, "grove", "Mad Grove", "chaos", (11, 19), true),
    site(Landmark::Workshop, "workshop", "Workshop", "building", (22, 18), true),
    site(Landmark::Dock, "dock", "Dock", "other towns", (26, 19), false),
    site(Landmark::Gate, "gate", "The Gate", "open pull requests", (26, 12), false),
    site(Landmark::Tree, "tree", "the main tree", "merged into main", (30, 11), false),
    site(Landmark::Fire, "fire", "Campfire", "reactions", (15, 11), false),
];

/// The landmarks' ids, as the file has them.
const IDS: [&str; SITES.len()] = {
    let mut ids = [""; SITES.len()];
    let mut at = 0;
    while at < ids.len() {
        ids[at] = SITES[at].id;
        at += 1;
    }
    ids
};

/// Everything that `.monkeytown/world.yaml` can say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorldFile {
    /// What landmarks are called here, by their id.
    #[serde(deserialize_with = "signs")]
    #[schemars(schema_with = "signs_schema")]
    pub landmarks: BTreeMap<Landmark, Sign>,
    /// Where an agent lives, by its name: hall, library, tower, bank, watch, studio, lab, grove or workshop. Whoever is not
    /// named lives where its own name fits.
    #[schemars(schema_with = "homes_schema")]
    pub homes: BTreeMap<AgentId, Landmark>,
}

/// What stands at a landmark; what is left out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sign {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub name: Option<String>,
    /// What it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub domain: Option<String>,
}

/// The world as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct World {
    /// Tiles from west to east.
    pub columns: u32,
    /// Tiles from north to south.
    pub rows: u32,
    /// Every landmark.
    pub landmarks: Vec<Place>,
    /// Where an agent lives that the town's file gives a home; whoever is not named lives where its own name fits.
    #[schemars(with = "BTreeMap<String, Landmark>")]
    pub homes: BTreeMap<AgentId, Landmark>,
    /// Why this is the usual world and not what the town's file says, where that is so.
    pub trouble: Option<String>,
}

/// A landmark with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "LandmarkPlace")]
pub struct Place {
    /// Which one it is, whatever it is called.
    pub id: Landmark,
    /// What it is called.
    pub name: String,
    /// What it stands for.
    pub domain: String,
    /// The column of the middle of its foot, from 0.
    pub x: u32,
    /// The row of the middle of its foot, from 0.
    pub y: u32,
}

impl Default for World {
    fn default() -> Self {
        Self::of(WorldFile::default())
    }
}

impl World {
    /// The world that a file says.
    #[must_use]
    pub fn of(mut file: WorldFile) -> Self {
        let place = |site: &Site| {
            let Sign { name, domain } = file.landmarks.remove(&site.landmark).unwrap_or_default();
            Place {
                id: site.landmark,
                name: name.unwrap_or_else(|| site.name.to_owned()),
                domain: domain.unwrap_or_else(|| site.domain.to_owned()),
                x: site.tile.0,
                y: site.tile.1,
            }
        };
        let landmarks = SITES.iter().map(place).collect();
        Self { columns: SIZE.0, rows: SIZE.1, landmarks, homes: file.homes, trouble: None }
    }

    /// The usual world, where it is not known what the town's own is.
    #[must_use]
    pub fn in_trouble(why: impl Into<String>) -> Self {
        Self { trouble: Some(why.into()), ..Self::default() }
    }

    /// The world that the bytes of the file at `path` say, and what there is to say about them. With an error among that it is
    /// the usual world: half of what somebody meant is nothing that anybody meant.
    #[must_use]
    pub fn read(path: &str, bytes: &[u8]) -> (Self, Vec<Finding>) {
        let (file, findings) = parse(path, bytes);
        let errors = || findings.iter().filter(|finding| finding.is_error());
        let world = match (errors().next(), file) {
            (None, Some(file)) => Self::of(file),
            (Some(first), _) => {
                let more = match errors().count() - 1 {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                Self::in_trouble(format!("{}: {}{more}; see `monkeytown check`", first.place(), first.message))
            }
            (None, None) => Self::in_trouble(format!("{path} cannot be read")),
        };
        (world, findings)
    }
}

/// Reads the text of the file at `path`. It is there also where a rule is broken, and not where a value could not be read.
#[must_use]
pub fn parse(path: &str, bytes: &[u8]) -> (Option<WorldFile>, Vec<Finding>) {
    let doc = match Doc::load(path, bytes, 1) {
        Ok(doc) => doc,
        Err(findings) => return (None, findings),
    };
    let (file, findings) = doc.typed::<WorldFile>(&KEYS);
    let mut rules = Rules { path, doc: &doc, findings };
    if let Some(file) = &file {
        rules.signs(file);
        rules.names(file);
        rules.homes(file);
    }
    rules.findings.sort_by_key(|finding| finding.line);
    (file, rules.findings)
}

/// What to say of the homes of those who have no charter. They harm nobody: they stand empty.
pub(super) fn empty_homes<'a>(path: &str, bytes: &[u8], agents: impl Iterator<Item = &'a AgentId>) -> Vec<Finding> {
    let Ok(doc) = Doc::load(path, bytes, 1) else { return Vec::new() };
    let one = |agent: &AgentId| {
        let message = format!("there is no agent `{agent}`, so nobody has this home");
        let finding = Finding::warning(HOME, message).at(path).line(doc.line(&["homes", agent.as_str()]));
        finding.fix("take the name off, or write the agent's charter")
    };
    agents.take(yaml::FINDINGS).map(one).collect()
}

struct Rules<'a> {
    path: &'a str,
    doc: &'a Doc,
    findings: Vec<Finding>,
}

impl Rules<'_> {
    fn error(&mut self, rule: &str, way: &[&str], message: impl Into<String>, remedy: &str) {
        if self.findings.len() < yaml::FINDINGS {
            let finding = Finding::error(rule, message).at(self.path).line(self.doc.line(way));
            self.findings.push(finding.fix(remedy));
        }
    }

    fn signs(&mut self, file: &WorldFile) {
        for Site { landmark, id, name, domain, .. } in &SITES {
            let Some(sign) = file.landmarks.get(landmark) else { continue };
            for (rule, key, text, most, usual) in [
                ("world-name", "name", &sign.name, NAME, name),
                ("world-domain", "domain", &sign.domain, DOMAIN, domain),
            ] {
                let Some(text) = text else { continue };
                let bare = if text.trim() == text { None } else { Some("begins or ends with a blank".to_owned()) };
                if let Some(why) = bare.or_else(|| bad_line(text, most)) {
                    let remedy = format!("write it shorter and plainly, or leave it out for {usual:?}");
                    self.error(rule, &["landmarks", id, key], format!("the {key} of `{id}` {why}"), &remedy);
                }
            }
        }
    }

    /// Two places of one name could not be told apart by whoever hears the map.
    fn names(&mut self, file: &WorldFile) {
        let said = |landmark: &Landmark| file.landmarks.get(landmark).and_then(|sign| sign.name.as_deref());
        let mut called: HashMap<String, &Site> = HashMap::new();
        for site in &SITES {
            let name = said(&site.landmark).unwrap_or(site.name);
            let Some(other) = called.insert(fold(name), site) else { continue };
            let renamed = if said(&site.landmark).is_some() { site } else { other };
            let message = format!("`{}` and `{}` have the same name", other.id, site.id);
            let way = ["landmarks", renamed.id, "name"];
            self.error("world-name", &way, message, "give each landmark a name of its own");
        }
    }

    fn homes(&mut self, file: &WorldFile) {
        let beds: Vec<&str> = SITES.iter().filter(|site| site.has_beds).map(|site| site.id).collect();
        for (agent, landmark) in &file.homes {
            if let Some(site) = SITES.iter().find(|site| site.landmark == *landmark && !site.has_beds) {
                let message = format!("nobody can live at `{}`", site.id);
                let remedy = format!("choose one of {}", beds.join(", "));
                self.error(HOME, &["homes", agent.as_str()], message, &remedy);
            }
        }
    }
}

/// Reads the landmarks that have a sign: an id that does not exist is an unknown key.
fn signs<'de, D: Deserializer<'de>>(de: D) -> Result<BTreeMap<Landmark, Sign>, D::Error> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    struct Key(Landmark);

    impl<'de> Deserialize<'de> for Key {
        fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
            let id = String::deserialize(de)?;
            let site = SITES.iter().find(|site| site.id == id);
            site.map(|site| Self(site.landmark)).ok_or_else(|| D::Error::unknown_field(&id, &IDS))
        }
    }

    let signs = BTreeMap::<Key, Sign>::deserialize(de)?;
    Ok(signs.into_iter().map(|(Key(landmark), sign)| (landmark, sign)).collect())
}

fn signs_schema(generator: &mut SchemaGenerator) -> Schema {
    let sign = generator.subschema_for::<Sign>();
    let one = |site: &Site| {
        let mut sign = sign.clone();
        sign.insert("description".to_owned(), format!("{}: {}.", site.name, site.domain).into());
        sign.insert("default".to_owned(), serde_json::json!({ "name": site.name, "domain": site.domain }));
        (site.id.to_owned(), sign.to_value())
    };
    let properties: serde_json::Map<_, _> = SITES.iter().map(one).collect();
    schemars::json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn homes_schema(_: &mut SchemaGenerator) -> Schema {
    let beds: Vec<&str> = SITES.iter().filter(|site| site.has_beds).map(|site| site.id).collect();
    schemars::json_schema!({
        "type": "object",
        "propertyNames": { "pattern": "^[a-z0-9][a-z0-9-]{0,63}$" },
        "additionalProperties": { "enum": beds },
    })
}

/// The JSON Schema (draft 2020-12) of `.monkeytown/world.yaml`, for editors and for `monkeytown schema world`.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(WorldFile);
    schema.insert("title".to_owned(), "The world of a monkeytown".into());
    schema.to_value()
}
