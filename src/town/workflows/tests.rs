//! Tests of the workflows: what they say in each layout, that they are YAML of known keys, and that nothing of a charter's
//! own words gets into them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_yaml::Value;

use super::*;
use crate::town::settings;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn settings(lines: &str) -> Settings {
    let text = format!("name: Small town\ngithub:\n  workflows:\n{lines}");
    let (settings, findings) = settings::parse(TOWN_FILE, text.as_bytes());
    assert_eq!(findings, [], "{text}");
    settings.unwrap()
}

fn single() -> Settings {
    settings(&format!("    action: an-octopus/monkeytown@{COMMIT}\n"))
}

fn split() -> Settings {
    settings(&format!("    layout: split\n    action: an-octopus/monkeytown@{COMMIT}\n"))
}

fn with_app(layout: &str) -> Settings {
    settings(&format!(
        "    layout: {layout}\n    action: ./\n    app: {{ client_id_var: TOWN_APP, private_key_secret: TOWN_APP_KEY }}\n"
    ))
}

fn charter(name: &str, lines: &str) -> Charter {
    charter_with(name, "Finds what breaks and writes it down.", lines, "You look after the docs.")
}

fn charter_with(name: &str, description: &str, lines: &str, persona: &str) -> Charter {
    let description = serde_json::to_string(description).unwrap();
    let text =
        format!("---\nname: \"{name}\"\ndescription: {description}\nowns: [\"docs/**\"]\n{lines}\n---\n{persona}\n");
    let (charter, findings) = Charter::parse(&format!("agents/{name}.md"), text.as_bytes());
    charter.unwrap_or_else(|| panic!("{text}: {findings:#?}"))
}

fn tester() -> Charter {
    charter("chaostester", "schedule: { cron: \"20 */4 * * *\", timezone: Europe/Zurich }\nlimits: { minutes: 45 }")
}

fn files(settings: &Settings, charters: &[Charter]) -> BTreeMap<String, String> {
    let rendered = render(settings, charters).unwrap();
    assert_eq!(rendered.findings, []);
    rendered.files
}

/// All files, one after the other, as a person would read them.
fn page(files: &BTreeMap<String, String>) -> String {
    files.iter().map(|(path, text)| format!("==> {path}\n{text}\n")).collect()
}

#[test]
fn one_job() {
    insta::assert_snapshot!(page(&files(&single(), &[tester()])));
}

#[test]
fn three_jobs() {
    let files = files(&split(), &[tester()]);
    insta::assert_snapshot!(files[".github/workflows/monkeytown-run.yml"]);
}

#[test]
fn with_the_token_of_an_app() {
    let rendered = files(&with_app("single"), &[charter("a", "schedule: { cron: \"1 2 * * 0\" }")]);
    insta::assert_snapshot!(page(&rendered));
    let split = files(&with_app("split"), &[]);
    let run = &split[".github/workflows/monkeytown-run.yml"];
    assert!(!run.contains(": write #"), "the workflow's own token writes nothing where the App does: {run}");
}

/// The keys that each mapping of a workflow may have, by what it is.
fn allowed(way: &[&str]) -> Option<&'static [&'static str]> {
    Some(match way {
        [] => &["name", "on", "permissions", "concurrency", "jobs"],
        ["on"] => &[
            "schedule",
            "workflow_dispatch",
            "workflow_call",
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "issue_comment",
            "issues",
        ],
        ["on", "schedule", "#"] => &["cron", "timezone"],
        ["on", "workflow_dispatch"] => &["inputs"],
        ["on", "workflow_call"] => &["inputs", "outputs", "secrets"],
        ["on", "workflow_dispatch" | "workflow_call", "inputs", _] => &["description", "type", "default", "required"],
        ["on", "workflow_call", "outputs", _] => &["description", "value"],
        ["on", "workflow_call", "secrets", _] => &["description", "required"],
        ["on", _] => &["types"],
        ["permissions"] | ["jobs", _, "permissions"] => &["contents", "issues", "pull-requests"],
        ["concurrency"] => &["group", "cancel-in-progress"],
        ["jobs", _] => &[
            "name",
            "needs",
            "if",
            "runs-on",
            "timeout-minutes",
            "permissions",
            "outputs",
            "steps",
            "uses",
            "with",
            "secrets",
        ],
        ["jobs", _, "steps", "#"] => &["name", "id", "if", "uses", "with", "run", "shell", "env"],
        ["on", _, "inputs" | "outputs" | "secrets"] => return None,
        ["jobs"] | ["jobs", _, "outputs" | "with" | "secrets"] => return None,
        ["jobs", _, "steps", "#", "with" | "env"] => return None,
        other => panic!("no mapping is expected at {other:?}"),
    })
}

/// Whether the value has known keys only, each written as a text.
fn check_keys(value: &Value, way: &mut Vec<String>) {
    match value {
        Value::Mapping(mapping) => {
            let allowed = allowed(&way.iter().map(String::as_str).collect::<Vec<_>>());
            for (key, value) in mapping {
                let key = key.as_str().unwrap_or_else(|| panic!("{way:?} has the key {key:?}"));
                assert!(allowed.is_none_or(|allowed| allowed.contains(&key)), "{way:?} has the unknown key {key}");
                way.push(key.to_owned());
                check_keys(value, way);
                way.pop();
            }
        }
        Value::Sequence(list) => {
            for value in list {
                way.push("#".to_owned());
                check_keys(value, way);
                way.pop();
            }
        }
        _ => {}
    }
}

/// The inputs of the action that this repository ships.
fn inputs_of_the_action() -> BTreeSet<String> {
    let action: Value = serde_yaml::from_str(include_str!("../../../action.yml")).unwrap();
    action["inputs"].as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_workflow_is_yaml_of_known_keys_and_gives_the_action_inputs_that_it_has() {
    let known = inputs_of_the_action();
    let mut steps = 0;
    for settings in [single(), split(), with_app("single"), with_app("split")] {
        for (path, text) in files(&settings, &[tester(), charter("b", "schedule: { cron: \"7 1 * * 1\" }")]) {
            let yaml: Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
            check_keys(&yaml, &mut Vec::new());
            assert_eq!(yaml["permissions"], Value::Mapping(serde_yaml::Mapping::new()), "{path}");
            assert!(text.starts_with(HEADER) && text.ends_with('\n') && !text.contains("\n\n\n"), "{path}:\n{text}");
            for (name, job) in yaml["jobs"].as_mapping().unwrap() {
                assert!(job["permissions"].is_mapping(), "{path}: {name:?} says what it may do");
                for step in job["steps"].as_sequence().into_iter().flatten() {
                    let uses = step["uses"].as_str().unwrap_or_default();
                    if uses == "./" || uses.starts_with("an-octopus/") {
                        steps += 1;
                        for key in step["with"].as_mapping().unwrap().keys() {
                            assert!(known.contains(key.as_str().unwrap()), "{path}: the action has no input {key:?}");
                        }
                    } else if !uses.is_empty() {
                        let (_, commit) = uses.split_once('@').unwrap();
                        assert_eq!(commit.len(), 40, "{path}: {uses}");
                    }
                }
            }
        }
    }
    assert_eq!(steps, 2 * (1 + 1) + 2 * (4 + 1));
}

#[test]
fn no_script_of_a_workflow_holds_an_expression() {
    for settings in [single(), split(), with_app("split")] {
        for (path, text) in files(&settings, &[tester()]) {
            let yaml: Value = serde_yaml::from_str(&text).unwrap();
            for job in yaml["jobs"].as_mapping().unwrap().values() {
                for script in job["steps"].as_sequence().into_iter().flatten().filter_map(|step| step["run"].as_str()) {
                    assert!(!script.contains("${{"), "{path}: {script}");
                }
            }
        }
    }
}

#[test]
fn only_claim_and_publish_can_write_when_the_work_is_split() {
    let text = &files(&split(), &[])[".github/workflows/monkeytown-run.yml"];
    let yaml: Value = serde_yaml::from_str(text).unwrap();
    let writes = |job: &str| {
        let permissions = yaml["jobs"][job]["permissions"].as_mapping().unwrap();
        permissions.values().any(|value| value.as_str() == Some("write"))
    };
    assert_eq!(["claim", "think", "publish", "look"].map(writes), [true, false, true, false]);
    let think = serde_yaml::to_string(&yaml["jobs"]["think"]).unwrap();
    assert!(!think.contains("secrets") && !think.contains("app"), "{think}");
    let app = &files(&with_app("split"), &[])[".github/workflows/monkeytown-run.yml"];
    let app: Value = serde_yaml::from_str(app).unwrap();
    for job in ["think", "look"] {
        let text = serde_yaml::to_string(&app["jobs"][job]).unwrap();
        assert!(!text.contains("secrets.") && !text.contains("steps.app") && !text.contains("write"), "{text}");
    }
}

#[test]
fn a_stream_asks_for_the_permission_to_prove_who_speaks() {
    let holders = |mut town: Settings, stream: Option<&str>| {
        town.stream = stream.map(str::to_owned);
        let files = files(&town, &[tester()]);
        let count = |name: &str| files[&format!("{FOLDER}{name}.yml")].matches("id-token: write").count();
        (count("chaostester"), count(RUN), count(SYNC))
    };
    assert_eq!(holders(single(), None), (0, 0, 0));
    assert_eq!(holders(single(), Some("https://town.example")), (1, 1, 0));
    // The job that thinks, and the one that only shows, prove nothing to anybody.
    assert_eq!(holders(split(), Some("https://town.example")), (1, 2, 0));
    let (_, findings) = settings::parse(TOWN_FILE, b"name: x\nstream: http://town.example\n");
    assert_eq!(findings[0].rule, "settings-stream");
    let (_, findings) = settings::parse(TOWN_FILE, b"name: x\nstream: http://127.0.0.1:4180\n");
    assert_eq!(findings, []);
}

#[test]
fn the_keys_of_models_reach_what_thinks_and_nothing_else() {
    let brain = "brain: { provider: anthropic, model: claude-haiku-4-5, fallbacks: [openai/gpt-4.1-mini] }\n";
    for town in [single(), split(), with_app("split")] {
        let town = with_brain(&town, brain);
        let files = files(&town, &[tester()]);
        let agent = &files[".github/workflows/chaostester.yml"];
        assert!(agent.contains("      ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}\n"), "{agent}");
        let text = &files[".github/workflows/monkeytown-run.yml"];
        let yaml: Value = serde_yaml::from_str(text).unwrap();
        for (job, body) in yaml["jobs"].as_mapping().unwrap() {
            let has = serde_yaml::to_string(body).unwrap().contains("OPENAI_API_KEY=${{ secrets.OPENAI_API_KEY }}");
            assert_eq!(has, ["run", "think", "look"].contains(&job.as_str().unwrap()), "{job:?} in {text}");
        }
        assert!(!text.contains("models: read"), "{text}");
        assert!(!files[".github/workflows/monkeytown-sync.yml"].contains("API_KEY"));
    }
    // GitHub Models are asked with the workflow's own token, which needs a permission and no secret.
    let brain = "brain: { provider: openai, model: openai/gpt-4.1-mini, key_env: GITHUB_TOKEN, base_url: \"https://models.github.ai/inference\" }\n";
    for (town, job) in [(single(), "run"), (split(), "think")] {
        let files = files(&with_brain(&town, brain), &[tester()]);
        let parse =
            |name: &str| serde_yaml::from_str::<Value>(&files[&format!(".github/workflows/{name}.yml")]).unwrap();
        let jobs = parse("monkeytown-run")["jobs"].clone();
        let readers: Vec<&str> = jobs
            .as_mapping()
            .unwrap()
            .iter()
            .filter(|(_, body)| body["permissions"]["models"] == "read")
            .filter_map(|(name, _)| name.as_str())
            .collect();
        assert!(readers.contains(&job) && !readers.contains(&"claim") && !readers.contains(&"publish"), "{readers:?}");
        assert_eq!(parse("chaostester")["jobs"]["run"]["permissions"]["models"], "read");
        assert!(!files[".github/workflows/monkeytown-sync.yml"].contains("models"));
        assert!(files.values().all(|text| !text.contains("          keys:")));
    }
}

fn with_brain(town: &Settings, brain: &str) -> Settings {
    let brain = crate::town::settings::parse("town.yaml", format!("name: t\n{brain}").as_bytes()).0.unwrap().brain;
    Settings { brain, ..town.clone() }
}

#[test]
fn no_job_asks_for_more_than_its_caller_grants() {
    // GitHub looks at all jobs of a called workflow, those included that will be skipped, and starts none otherwise.
    let rank =
        |level: Option<&str>| ["read", "write"].iter().position(|known| Some(*known) == level).map_or(0, |at| at + 1);
    let models = "brain: { provider: openai, model: m/n, key_env: GITHUB_TOKEN }\n";
    let all = [single(), split(), with_app("single"), with_app("split")];
    let single_app = render(&with_brain(&all[2], models), &[tester()]).unwrap();
    assert_eq!(single_app.findings[0].rule, "workflow-models", "the App's token is none for GitHub Models");
    let asking = all.iter().enumerate().filter(|(nth, _)| *nth != 2).map(|(_, town)| with_brain(town, models));
    for town in all.iter().cloned().chain(asking) {
        let files = files(&town, &[tester()]);
        let parse =
            |name: &str| serde_yaml::from_str::<Value>(&files[&format!(".github/workflows/{name}.yml")]).unwrap();
        let (caller, called) = (parse("chaostester"), parse("monkeytown-run"));
        for (job, asked) in called["jobs"].as_mapping().unwrap() {
            for (scope, level) in asked["permissions"].as_mapping().unwrap() {
                let granted = caller["jobs"]["run"]["permissions"][scope].as_str();
                assert!(
                    rank(level.as_str()) <= rank(granted),
                    "{job:?} asks for {scope:?}: {level:?}, granted is {granted:?}"
                );
            }
        }
    }
}

#[test]
fn the_names_of_queues_cannot_be_taken_for_each_other() {
    // A cache is found by the beginning of its key, and one agent's name may begin with another's.
    let text = &files(&single(), &[])[".github/workflows/monkeytown-run.yml"];
    assert!(text.contains("restore-keys: monkeytown-queue.${{ inputs.agent }}.\n"), "{text}");
    assert!("a.b".parse::<crate::town::ids::AgentId>().is_err());
}

#[test]
fn what_github_cannot_do_is_a_finding() {
    let town = single();
    let cases = [
        (charter("a", "schedule: { cron: \"20 4 L * *\" }"), "workflow-schedule", 0),
        (charter("monkeytown-run", "schedule: { cron: \"20 4 * * *\" }"), "workflow-name", 0),
        (charter("a", "schedule: { cron: \"20 4 * * *\" }\nlimits: { minutes: 340 }"), "workflow-minutes", 1),
    ];
    for (charter, rule, made) in cases {
        let rendered = render(&town, &[charter]).unwrap();
        let rules: Vec<&str> = rendered.findings.iter().map(|finding| finding.rule.as_str()).collect();
        assert_eq!((rules, rendered.files.len()), (vec![rule], 2 + made));
        assert!(rendered.findings.iter().all(|finding| !finding.remedy.is_empty()));
        assert!(RULES.iter().any(|(name, _)| *name == rule));
    }
    let nameless = render(&settings("    layout: single\n"), &[tester()]).unwrap();
    assert_eq!((nameless.findings[0].rule.as_str(), nameless.files.len()), ("workflow-action", 0));
}

#[test]
fn a_charter_without_a_schedule_has_no_workflow_and_minutes_end_with_the_job() {
    let long = charter("long", "schedule: { cron: \"20 4 * * *\" }\nlimits: { minutes: 360 }");
    let rendered = render(&single(), &[charter("idle", ""), long]).unwrap();
    let names: Vec<&String> = rendered.files.keys().collect();
    assert_eq!(
        names,
        [".github/workflows/long.yml", ".github/workflows/monkeytown-run.yml", ".github/workflows/monkeytown-sync.yml"]
    );
    assert!(rendered.files[names[0]].contains("minutes: 360\n"));
}

#[test]
fn a_value_that_could_be_an_expression_renders_nothing() {
    let mut settings = single();
    settings.github.workflows.runner = "${{ github.event.issue.title }}".to_owned();
    assert!(render(&settings, &[]).is_err());
}

fn existing(path: &str, text: &str) -> Existing {
    Existing { path: format!("{FOLDER}{path}"), text: Some(text.as_bytes().to_vec()) }
}

#[test]
fn the_plan_sees_what_is_missing_differs_is_superfluous_or_in_the_way() {
    let wanted = files(&single(), &[tester()]);
    let paths: Vec<&String> = wanted.keys().collect();
    let rules = |plan: &Plan| plan.findings.iter().map(|f| (f.rule.clone(), f.place())).collect::<Vec<_>>();
    let all: Vec<Existing> = wanted
        .iter()
        .map(|(path, text)| Existing { path: path.clone(), text: Some(text.clone().into_bytes()) })
        .collect();
    let ours = format!("{HEADER} from agents/gone.md\n");

    let settled = plan(&wanted, &all);
    assert_eq!((settled.unchanged, &settled.findings[..], settled.write.len()), (3, &[][..], 0));

    let nothing = plan(&wanted, &[]);
    assert_eq!((nothing.findings.len(), nothing.write.len(), nothing.unchanged), (3, 3, 0));

    let mut drifted = all.clone();
    drifted[0].text = Some(format!("{}# a hand was here\n", wanted[paths[0]]).into_bytes());
    drifted.extend([existing("gone.yml", &ours), existing("ci.yml", "name: ci\n"), existing("gone.yaml", &ours)]);
    let drifted = plan(&wanted, &drifted);
    assert_eq!(drifted.write.keys().collect::<Vec<_>>(), [paths[0]]);
    assert_eq!(drifted.remove, [".github/workflows/gone.yaml", ".github/workflows/gone.yml"].map(str::to_owned).into());
    assert_eq!(drifted.findings.len(), 3, "{:#?}", rules(&drifted));
    assert!(!drifted.is_blocked());

    for foreign in [
        existing("chaostester.yml", "name: mine\n"),
        existing("ChaosTester.yml", &ours),
        Existing { path: format!("{FOLDER}chaostester.yml"), text: None },
    ] {
        let blocked = plan(&wanted, &[foreign]);
        assert!(blocked.is_blocked(), "{:#?}", rules(&blocked));
        assert!(!blocked.write.contains_key(paths[0]));
    }
}

/// Words that no workflow holds by itself.
const MARK: &str = "zqx";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_of_a_charters_own_words_gets_into_a_workflow(
        words in "(zqx|\\$\\{\\{ |\\}\\}|\n|\r|\"|'|: |- |#|&|\\*|!|%|@|`|\\\\|\u{202e}|\u{85}|[ -~]){10,60}",
        persona in "zqx(\\PC|\n|\\$\\{\\{|\"|'){0,60}",
        minute in 0..60_u32, name in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", minutes in 1..=360_u32,
    ) {
        let words = format!("{MARK}{words}");
        let lines = format!("schedule: {{ cron: \"{minute} */4 * * *\" }}\nlimits: {{ minutes: {minutes} }}");
        let mut charter = charter_with(&name, "A description that is long enough.", &lines, "You.");
        charter.description.clone_from(&words);
        charter.persona = persona;
        charter.model.clone_from(&words);
        charter.tools = vec![words.clone()];
        charter.page = Some(words);
        let rendered = render(&single(), &[charter]).unwrap();
        prop_assert_eq!(rendered.files.len(), 3);
        for (path, text) in rendered.files {
            prop_assert!(name.contains(MARK) || !text.contains(MARK), "{}:\n{}", path, text);
            let yaml: Value = serde_yaml::from_str(&text).unwrap();
            check_keys(&yaml, &mut Vec::new());
            if path == format!("{FOLDER}{name}.yml") {
                prop_assert_eq!(yaml["name"].as_str(), Some(name.as_str()));
                prop_assert_eq!(yaml["jobs"]["run"]["with"]["agent"].as_str(), Some(name.as_str()));
            }
        }
    }
}
