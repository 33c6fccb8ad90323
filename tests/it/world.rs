//! Promise: what the town's files say of its map is checked, told and exported, and nothing that is wrong there stops anybody.
//! Lives here: `.monkeytown/world.yaml` and the town's description, from the files to the answers. Never here: the rules one by
//! one (see `src/town/world`), the picture (see `web/e2e/world.test.ts`).

use serde_json::{Value, json};

use crate::station::Station;
use crate::village::{Village, nothing};

const WORLD: &str = ".monkeytown/world.yaml";

fn place(world: &Value, id: &str) -> Value {
    let mut places = world["landmarks"].as_array().unwrap().iter();
    places.find(|place| place["id"] == id).cloned().unwrap_or_else(|| panic!("{id} in {world}"))
}

#[test]
fn the_usual_world_is_the_ground_plan_of_the_page() {
    let world = Station::open(&Village::small()).get("/api/town", &[]).json()["world"].clone();
    assert_eq!((&world["homes"], &world["trouble"]), (&json!({}), &Value::Null));
    assert_eq!(
        place(&world, "bank"),
        json!({"id": "bank", "name": "Banana Bank", "domain": "economy", "x": 21, "y": 6})
    );
    let plan = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/web/src/world/plan.ts")).unwrap();
    let number = |name: &str| -> u64 {
        let line = plan.lines().find_map(|line| line.strip_prefix(&format!("export const {name} = "))).unwrap();
        line.trim_end_matches(';').parse().unwrap()
    };
    assert_eq!((world["columns"].as_u64(), world["rows"].as_u64()), (Some(number("COLUMNS")), Some(number("ROWS"))));
    let drawn = plan.lines().filter_map(|line| line.trim().strip_prefix("place(\"")).map(|line| {
        let mut parts = line.split(", ");
        let tile = |text: Option<&str>| text.unwrap().parse::<u64>().unwrap() / number("TILE");
        let id = parts.next().unwrap().trim_end_matches('"');
        json!([id, tile(parts.next()), tile(parts.next())])
    });
    let told = world["landmarks"].as_array().unwrap().iter().map(|place| json!([place["id"], place["x"], place["y"]]));
    assert_eq!(told.collect::<Vec<_>>(), drawn.collect::<Vec<_>>());
}

// covers: town-files#the-map-has-the-town-s-own-names/names-and-homes
#[test]
fn names_and_homes_are_told_as_the_default_branch_has_them_and_exported() {
    let village = Village::small()
        .settings("description: >-\n  Keeps the links\n  of this manual alive.\n")
        .file(WORLD, "landmarks:\n  bank: { name: Till }\nhomes:\n  chaostester: tower\n")
        .commit("Name the bank");
    village.monkeytown(&["check"]).says(0, "1 charters checked: no findings");
    let station = Station::open(&village);
    let told = || station.get("/api/town", &[]).json()["world"].clone();
    let first = told();
    assert_eq!(place(&first, "bank"), json!({"id": "bank", "name": "Till", "domain": "economy", "x": 21, "y": 6}));
    assert_eq!(place(&first, "library")["name"], "Library");
    assert_eq!(first["homes"], json!({"chaostester": "tower"}));
    let site = village.path("site");
    assert_eq!(village.monkeytown(&["export", site.to_str().unwrap()]).code, 0);
    let town: Value = serde_json::from_slice(&std::fs::read(site.join("town.json")).unwrap()).unwrap();
    assert_eq!(town["description"], "Keeps the links of this manual alive.");
    assert_eq!(town["world"], first);
    // What lies in the checkout is nobody's world yet.
    village.put(WORLD, "landmarks: { bank: { name: Vault } }\n");
    assert_eq!(told(), first);
    village.save("Rename it");
    assert_eq!(place(&told(), "bank")["name"], "Vault");
}

// covers: town-files#the-map-has-the-town-s-own-names/a-file-that-is-wrong
#[test]
fn a_file_that_is_wrong_is_found_and_told_and_stops_nobody() {
    let wrong = "landmarks:\n  bank: { name: Till }\n  liberry: { name: Archive }\n";
    let village = Village::small().file(WORLD, wrong).commit("Name the bank");
    let found = village.monkeytown(&["check", "--json"]);
    let finding = &found.json["findings"][0];
    assert_eq!(
        (found.code, finding["path"].as_str(), finding["line"].as_u64()),
        (1, Some(WORLD), Some(3)),
        "{found:#?}"
    );
    let (rule, remedy) = (&finding["rule"], &finding["remedy"]);
    assert_eq!((rule, remedy), (&json!("yaml-unknown-key"), &json!("did you mean \"library\"?")));
    let world = Station::open(&village).get("/api/town", &[]).json()["world"].clone();
    assert_eq!(place(&world, "bank")["name"], "Banana Bank", "half of a file is no world");
    let trouble = world["trouble"].as_str().unwrap();
    assert!(trouble.starts_with(".monkeytown/world.yaml:3: unknown key \"liberry\""), "{trouble}");
    village.says([nothing("All links lead somewhere")]);
    village.run("chaostester").ended(0, "nothing");
}

#[test]
fn its_schema_is_printed() {
    let schema = Village::small().monkeytown(&["schema", "world"]).json;
    assert_eq!(schema["properties"]["landmarks"]["properties"].as_object().unwrap().len(), 15);
}
