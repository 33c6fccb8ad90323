//! Promise: a commit of the default branch is told with the lines that it adds and deletes, as git counts them, and without them
//! where that is too much to read at every start.
//! Lives here: `adds` and `dels` of `commit.landed`. Never here: when a commit is told (see `stream`).

use std::fs;

use serde_json::{Value, json};

use crate::station::Station;
use crate::village::Village;

/// The payloads of all commits that landed, oldest first.
fn landed(village: &Village) -> Vec<Value> {
    let station = Station::open(village);
    let body = station.get("/api/history?from=0", &[]).body;
    station.close();
    let lines = body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].take());
    lines.filter(|event| event["type"] == "monkeytown.commit.landed.v1").map(|mut event| event["data"].take()).collect()
}

/// What git counts from the first parent on; a file that is no text has no lines.
fn counted(village: &Village, oid: &str) -> (u64, u64) {
    let parents = village.git(["show", "-s", "--format=%P", oid]);
    let before = parents.split(' ').next().filter(|parent| !parent.is_empty());
    let before = before.unwrap_or("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    let lines = village.git(["diff", "--numstat", "--no-renames", before, oid]);
    let number = |word: Option<&str>| word.unwrap().parse::<u64>().unwrap_or_default();
    lines
        .lines()
        .map(|line| line.split('\t'))
        .fold((0, 0), |(adds, dels), mut words| (adds + number(words.next()), dels + number(words.next())))
}

#[test]
fn lines_are_those_that_git_counts_and_the_same_after_every_start() {
    let village = Village::small();
    let text: String = (0..200).map(|nth| format!("line {nth}\n")).collect();
    village.put("long.txt", &text).put("end.txt", "one\ntwo").save("Two files");
    village.put("long.txt", &text.replace("line 7\n", "").replace("line 9", "Line nine\nand")).save("Edit");
    village.put("end.txt", "one\ntwo\n").put("empty.txt", "").save("Mend the end");
    fs::write(village.dir().join("picture"), b"\x89PNG\0\n\n\n").unwrap();
    village.put("umlaut.txt", "\u{e4}\r\n\u{f6}\r\n").save("A picture and a text");
    fs::write(village.dir().join("picture"), b"\x89PNG\0\n\n").unwrap();
    village.save("The picture alone");
    village.git(["rm", "-q", "end.txt"]);
    village.git(["mv", "long.txt", "renamed.txt"]);
    village.save("Away, and elsewhere");
    village.git(["checkout", "-q", "-b", "side", "HEAD~2"]);
    village.put("side.txt", "one\ntwo\nthree\n").save("On the side");
    village.git(["checkout", "-q", "main"]);
    village.git(["merge", "-q", "--no-ff", "-m", "Merge the side", "side"]);
    village.save("Nothing");
    let told = landed(&village);
    assert_eq!(told.len(), 9);
    for data in &told {
        let (adds, dels) = counted(&village, data["oid"].as_str().unwrap());
        assert_eq!((&data["adds"], &data["dels"]), (&adds.into(), &dels.into()), "{data:#}");
    }
    let of = |subject: &str| {
        let data = told.iter().find(|data| data["subject"] == subject).unwrap();
        (data["adds"].as_u64().unwrap(), data["dels"].as_u64().unwrap())
    };
    assert_eq!((of("Edit"), of("The picture alone"), of("Merge the side")), ((22, 12), (0, 0), (3, 0)));
    assert_eq!(landed(&village), told);
}

#[test]
fn what_is_too_much_or_cannot_be_read_is_told_without_them() {
    let village = Village::small();
    let many = |count: usize| (0..count).for_each(|nth| _ = village.put(&format!("many-{count}/{nth}.txt"), "one\n"));
    many(50);
    village.save("Fifty files");
    many(51);
    village.save("One more");
    let line = "0123456789abcde\n";
    village.put("large.txt", &line.repeat(256 * 64)).save("Just so large");
    village.put("larger.txt", &format!("{}.", line.repeat(256 * 64))).save("A byte more");
    village.put("gone.txt", "it will be gone\n").save("Damaged");
    let blob = village.git(["rev-parse", "HEAD:gone.txt"]);
    fs::remove_file(village.dir().join(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))).unwrap();
    let told: Vec<Value> = landed(&village)[1..]
        .iter()
        .map(|data| json!([data["subject"], data["files"], data["adds"], data["dels"]]))
        .collect();
    let wanted = [
        json!(["Fifty files", 50, 50, 0]),
        json!(["One more", 51, null, null]),
        json!(["Just so large", 1, 16_384, 0]),
        json!(["A byte more", 1, null, null]),
        json!(["Damaged", 1, null, null]),
    ];
    assert_eq!(told, wanted);
}
