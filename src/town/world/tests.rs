//! Tests of the world: a table for the rules, the schema against examples, and properties.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::town::check::{TownFiles, check};
use crate::town::finding::any_error;
use crate::town::limits::TOWN_FILE;

/// One of everything.
const WHOLE: &str = "landmarks:\n  bank: { name: Exchequer, domain: what was spent }\n  dock: { name: Pier }\n  \
                     tree: { domain: main }\nhomes:\n  monkeybuilder: lab\n  madchimp: hall\n";

fn short(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.rule, finding.line.unwrap_or(0))).collect()
}

fn as_json(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

fn read(text: &str) -> (World, Vec<Finding>) {
    World::read(WORLD_FILE, text.as_bytes())
}

fn called<'a>(world: &'a World, id: &str) -> (&'a str, &'a str) {
    let at = IDS.iter().position(|known| *known == id).unwrap();
    (&world.landmarks[at].name, &world.landmarks[at].domain)
}

#[test]
fn the_usual_world_has_each_landmark_once_within_the_map() {
    let world = World::default();
    assert_eq!(read("").0, world);
    let mut ids: Vec<Value> = world.landmarks.iter().map(|place| serde_json::to_value(place.id).unwrap()).collect();
    assert_eq!(ids, IDS, "an id is what the landmark is called in a file");
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), SITES.len());
    let tiles: std::collections::HashSet<_> = world.landmarks.iter().map(|place| (place.x, place.y)).collect();
    assert_eq!(tiles.len(), SITES.len());
    assert!(tiles.iter().all(|(x, y)| *x < world.columns && *y < world.rows), "{tiles:?}");
    for (site, place) in SITES.iter().zip(&world.landmarks) {
        let usual = format!("landmarks: {{ {}: {{ name: {:?}, domain: {:?} }} }}", site.id, place.name, place.domain);
        assert_eq!(read(&usual), (World::default(), vec![]), "{usual}");
    }
}

#[test]
fn a_file_renames_and_gives_homes() {
    let (world, findings) = read(WHOLE);
    assert_eq!(findings, []);
    assert_eq!(called(&world, "bank"), ("Exchequer", "what was spent"));
    assert_eq!(called(&world, "dock"), ("Pier", "other towns"));
    assert_eq!(called(&world, "tree"), ("the main tree", "main"));
    assert_eq!(called(&world, "hall"), ("Town Hall", "vision"));
    assert_eq!(
        serde_json::to_value(&world.homes).unwrap(),
        serde_json::json!({"madchimp": "hall", "monkeybuilder": "lab"})
    );
    assert_eq!(world.trouble, None);
}

// covers: town-files#every-finding-can-be-acted-on
#[test]
fn every_rule_has_cases() {
    let sign = |text: &str| format!("landmarks:\n  bank: {{ {text} }}");
    let cases: &[(String, &[&str])] = &[
        (sign("name: \"\""), &["world-name:2"]),
        (sign(&format!("name: {}", "木".repeat(32))), &[]),
        (sign(&format!("name: {}", "木".repeat(33))), &["world-name:2"]),
        (sign("name: \" Bank\""), &["world-name:2"]),
        (sign("name: \"a\\nb\""), &["world-name:2"]),
        (sign("name: \"a\\u202Eb\""), &["world-name:2"]),
        (sign("name: 👩‍💻 Bank"), &[]),
        (sign(&format!("domain: {}", "x".repeat(64))), &[]),
        (sign(&format!("domain: {}", "x".repeat(65))), &["world-domain:2"]),
        (sign("name: LIBRARY"), &["world-name:2"]),
        ("landmarks:\n  hall: { name: Keep }\n  bank: { name: keep }".into(), &["world-name:3"]),
        ("landmarks:\n  hall: { name: Board }".into(), &["world-name:2"]),
        ("landmarks:\n  hall: { name: Library }\n  library: { name: Town Hall }".into(), &[]),
        (sign("name: 7"), &["yaml-type:2"]),
        (sign("x: 3"), &["yaml-unknown-key:2"]),
        ("landmarks:\n  bnak: { name: A }\n  liberry: {}".into(), &["yaml-unknown-key:2", "yaml-unknown-key:3"]),
        ("landmark: {}".into(), &["yaml-unknown-key:1"]),
        ("landmarks: { bank: {}, bank: {} }".into(), &["yaml-duplicate-key:1"]),
        ("landmarks: [bank]".into(), &["yaml-type:1"]),
        ("homes:\n  a: gate\n  b: lab\n  c: dock".into(), &["world-home:2", "world-home:4"]),
        ("homes:\n  a: labb".into(), &["yaml-value:2"]),
        ("homes: { \"No One\": lab }".into(), &["yaml-value:1"]),
        ("homes: { a: &x lab }".into(), &["yaml-anchor:1"]),
    ];
    for (text, expected) in cases {
        let (world, findings) = read(text);
        assert_eq!(short(&findings), *expected, "{text}: {findings:#?}");
        assert_eq!(world.trouble.is_some(), !expected.is_empty(), "{text}");
        if world.trouble.is_some() {
            assert_eq!(World { trouble: None, ..world }, World::default(), "{text}: half of a file is shown");
        }
        for finding in findings {
            let known = RULES.iter().chain(yaml::RULES).any(|(name, _)| *name == finding.rule);
            assert!(known && !finding.remedy.is_empty(), "{finding}");
        }
    }
}

#[test]
fn an_id_that_does_not_exist_has_a_suggestion_and_the_trouble_is_said() {
    let (world, findings) = read("landmarks:\n  bnak: { name: A }\nhomes:\n  a: labb\n");
    assert_eq!(findings[0].remedy, "did you mean \"bank\"?");
    assert_eq!(findings[1].remedy, "did you mean \"lab\"?");
    let trouble = world.trouble.unwrap();
    assert_eq!(trouble, ".monkeytown/world.yaml:2: unknown key \"bnak\" (and 1 more); see `monkeytown check`");
}

fn town(files: &[(&str, &str)]) -> TownFiles {
    let charter = "---\nname: a\ndescription: Does what it says.\ntools: Read\n---\nYou do.\n";
    let all = [(TOWN_FILE, "name: x\n"), ("agents/a.md", charter)].into_iter().chain(files.iter().copied());
    let all: Vec<(String, Vec<u8>)> = all.map(|(path, text)| (path.to_owned(), text.into())).collect();
    let all_paths = all.iter().map(|(path, _)| path.clone()).collect();
    let files = all.into_iter().filter(|(path, _)| crate::town::check::is_town_file(path)).collect();
    TownFiles { files, all_paths }
}

#[test]
fn the_check_of_a_town_reads_it_and_no_run_is_held_up_by_it() {
    let good = check(&town(&[(WORLD_FILE, "landmarks: { bank: { name: Till } }\nhomes:\n  a: lab\n")]));
    assert_eq!((&good.findings[..], &good.scenery[..]), (&[][..], &[][..]));
    assert_eq!(called(&good.world, "bank").0, "Till");
    let strange = check(&town(&[(WORLD_FILE, "homes:\n  a: lab\n  b: hall\n")]));
    assert_eq!(short(&strange.scenery), ["world-home:3"]);
    assert!(!any_error(&strange.scenery) && strange.world.trouble.is_none());
    let wrong = check(&town(&[(WORLD_FILE, "homes: [")]));
    assert!(any_error(&wrong.scenery) && wrong.findings.is_empty(), "{:?}", wrong.findings);
    assert!(wrong.world.trouble.is_some());
    let large = check(&town(&[(WORLD_FILE, &" ".repeat(crate::town::limits::TOWN_FILE_BYTES + 1))]));
    assert_eq!(short(&large.scenery), ["yaml-too-large:0"]);
    for misspelt in [".monkeytown/world.yml", ".monkeytown/World.yaml"] {
        let other = check(&town(&[(misspelt, "homes: [")]));
        assert_eq!((short(&other.scenery), other.world), (vec!["world-file:0".to_owned()], World::default()));
    }
    assert_eq!(check(&town(&[])).world, World::default());
}

#[test]
fn the_schema_takes_what_is_read_and_refuses_what_is_wrong() {
    let schema = schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for good in [WHOLE, "{}", "landmarks: { fire: {} }"] {
        let errors: Vec<String> = validator.iter_errors(&as_json(good)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for wrong in [
        "landmarks: { bnak: {} }",
        "landmarks: { bank: { name: '' } }",
        "landmarks: { bank: { x: 3 } }",
        "landmark: {}",
        "homes: { a: gate }",
        "homes: { A: lab }",
        "homes: { a: nowhere }",
    ] {
        assert!(!validator.is_valid(&as_json(wrong)), "{wrong}");
    }
    for id in IDS {
        assert!(schema["properties"]["landmarks"]["properties"][id]["description"].is_string(), "{id}");
    }
    assert!(schema["properties"]["landmarks"]["description"].is_string());
    assert!(schema["properties"]["homes"]["description"].is_string());
}

prop_compose! {
    fn some_sign()(
        name in prop::option::of("[A-Z][a-z]{1,9}( [0-9\"#:木]{1,5}[a-z])?"),
        domain in prop::option::of("[a-z\\\\'{}]{1,20}"),
    ) -> Sign {
        Sign { name, domain }
    }
}

proptest! {
    #[test]
    fn what_is_written_down_is_read_again(
        signs in prop::collection::btree_map(0..SITES.len(), some_sign(), 0..SITES.len()),
        homes in prop::collection::btree_map("[a-z0-9]{1,12}", 0..SITES.len(), 0..9),
    ) {
        let landmarks = signs.into_iter().map(|(at, sign)| (SITES[at].landmark, sign)).collect();
        let homes = homes.into_iter().map(|(name, at)| (name.parse().unwrap(), SITES[at].landmark)).collect();
        let file = WorldFile { landmarks, homes };
        let text = serde_yaml::to_string(&file).unwrap();
        let (again, findings) = parse(WORLD_FILE, text.as_bytes());
        prop_assert!(findings.iter().all(|finding| finding.rule.starts_with("world-")), "{findings:?}\n{text}");
        prop_assert_eq!(again, Some(file));
    }

    #[test]
    fn no_bytes_make_it_panic_and_lines_are_in_the_file(
        lines in prop::collection::vec(prop_oneof!["(landmarks|homes|  bank|  hall|  name|[a-z]{1,8}): [a-z0-9\\[{\"'&*]{0,9}", " {0,4}- ?\\PC{0,9}", "\\PC{0,20}"], 0..9),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let text = lines.join("\n");
        let count = u32::try_from(text.lines().count().max(1)).unwrap();
        let (world, findings) = World::read(WORLD_FILE, text.as_bytes());
        prop_assert_eq!(world.landmarks.len(), SITES.len());
        prop_assert_eq!(world.trouble.is_some(), any_error(&findings));
        for finding in findings {
            prop_assert!((1..=count).contains(&finding.line.unwrap()), "{finding} of {count}: {text:?}");
        }
        let _ = World::read(WORLD_FILE, &bytes);
    }
}
