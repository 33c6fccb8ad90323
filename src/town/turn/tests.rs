//! What the turn machine does, case by case, and what holds for every transcript.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::town::ids::RunId;
use crate::town::transcript::Usage;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_232_628 + seconds, 0).unwrap()
}

fn budget() -> Budget {
    Budget {
        max_turns: 10,
        started: at(0),
        deadline: at(1_000),
        now: at(1),
        context_tokens: 100_000,
        output_bytes: 1_000_000,
        cost_micros: u64::MAX,
        tokens: u64::MAX,
    }
}

fn briefed() -> Transcript {
    let mut transcript = Transcript::new(RunId::from_parts(0, 7), "madchimp".parse().unwrap());
    let briefing = Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 1 };
    transcript.push(briefing).unwrap();
    transcript
}

fn call(id: &str, name: &str, arguments: Value) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments }
}

fn calls(calls: &[ToolCall]) -> Entry {
    Entry::Reply(Reply { calls: calls.to_vec(), stop: StopReason::Calls, ..Reply::default() })
}

fn says(text: &str) -> Entry {
    Entry::Reply(Reply { text: text.into(), ..Reply::default() })
}

fn with(entries: impl IntoIterator<Item = Entry>) -> Transcript {
    let mut transcript = briefed();
    for entry in entries {
        transcript.push(entry).unwrap();
    }
    transcript
}

fn finish() -> ToolCall {
    call("f", FINISH, json!({"title": "List the broken links", "body": "Three links lead nowhere."}))
}

fn read(id: &str) -> ToolCall {
    call(id, "Read", json!({"path": "a"}))
}

fn done(call: &ToolCall, ok: bool) -> Entry {
    Entry::Result(CallResult::of(call, ok, "x"))
}

fn is_note(step: &Step, why: Why) -> bool {
    matches!(step, Step::Note(_, given) if *given == why)
}

#[test]
fn a_briefing_is_followed_by_a_question() {
    assert_eq!(next(&briefed(), &budget()), Step::Ask);
    let blank = Transcript::new(RunId::from_parts(0, 7), "madchimp".parse().unwrap());
    assert_eq!(next(&blank, &budget()), Step::Stop(Halt::NotBriefed));
}

#[test]
fn calls_run_one_by_one_in_order() {
    let (one, two) = (read("1"), call("2", "Glob", json!({"pattern": "*"})));
    let reply = calls(&[one.clone(), two.clone()]);
    assert_eq!(next(&with([reply.clone()]), &budget()), Step::Call(one.clone()));
    assert_eq!(next(&with([reply.clone(), done(&one, true)]), &budget()), Step::Call(two.clone()));
    assert_eq!(next(&with([reply, done(&one, true), done(&two, true)]), &budget()), Step::Ask);
}

#[test]
fn calls_with_the_same_id_are_each_answered() {
    let (one, two) = (read("same"), call("same", "Glob", json!({"pattern": "*"})));
    let reply = calls(&[one.clone(), two.clone()]);
    assert_eq!(next(&with([reply.clone(), done(&one, true)]), &budget()), Step::Call(two.clone()));
    assert_eq!(next(&with([reply, done(&one, true), done(&two, true)]), &budget()), Step::Ask);
}

#[test]
fn finish_and_nothing_to_do_end_the_run() {
    let step = next(&with([calls(&[finish()])]), &budget());
    assert!(matches!(step, Step::Finish(finish) if finish.title == "List the broken links"));
    let nothing = call("n", NOTHING_TO_DO, json!({"reason": "all links hold"}));
    assert_eq!(next(&with([calls(&[nothing])]), &budget()), Step::Nothing("all links hold".into()));
}

#[test]
fn an_accepted_finish_is_given_again_until_the_gate_answers() {
    let entries = [calls(&[finish()])];
    assert_eq!(next(&with(entries.clone()), &budget()), next(&with(entries.clone()), &budget()));
    let note = Entry::Note { text: "a.md is not yours".into(), why: Why::Gate };
    assert_eq!(next(&with(entries.into_iter().chain([note])), &budget()), Step::Ask);
}

#[test]
fn a_finish_after_a_failed_call_of_the_same_reply_is_refused() {
    let write = call("w", "Write", json!({"path": "b"}));
    let entries = [calls(&[write.clone(), finish()]), done(&write, false)];
    assert!(matches!(next(&with(entries), &budget()), Step::Refuse(call, _) if call.name == FINISH));
}

#[test]
fn a_bad_finish_is_told_twice_and_then_ends() {
    let bad = call("f", FINISH, json!({"title": "wip", "body": "x"}));
    let mut entries = Vec::new();
    for _ in 0..MAX_INVALID {
        entries.push(calls(std::slice::from_ref(&bad)));
        let Step::Refuse(call, why) = next(&with(entries.clone()), &budget()) else { panic!("refused") };
        entries.push(Entry::Result(CallResult::refused(&call, &why)));
        assert_eq!(next(&with(entries.clone()), &budget()), Step::Ask);
    }
    entries.push(calls(std::slice::from_ref(&bad)));
    entries.push(Entry::Result(CallResult::refused(&bad, "again")));
    assert_eq!(next(&with(entries), &budget()), Step::Stop(Halt::InvalidCalls));
}

#[test]
fn a_valid_result_in_between_forgives_invalid_calls() {
    let (bad, good) = (call("b", "Read", json!(3)), read("g"));
    let invalid = || [calls(std::slice::from_ref(&bad)), Entry::Result(CallResult::refused(&bad, "no"))];
    let valid = [calls(std::slice::from_ref(&good)), done(&good, true)];
    let entries = invalid().into_iter().chain(invalid()).chain(valid).chain(invalid());
    assert_eq!(next(&with(entries), &budget()), Step::Ask);
}

#[test]
fn the_same_failing_call_twice_is_a_circle() {
    let (one, two) = (read("1"), read("2"));
    let first = [calls(std::slice::from_ref(&one)), done(&one, false)];
    let second = [calls(std::slice::from_ref(&two)), done(&two, false)];
    assert_eq!(next(&with(first.clone()), &budget()), Step::Ask);
    let step = next(&with(first.clone().into_iter().chain(second.clone())), &budget());
    assert_eq!(step, Step::Stop(Halt::LoopingCall("Read".into())));

    let edit = call("e", "Edit", json!({"path": "a"}));
    let changed = Entry::Result(CallResult { changed: true, ..CallResult::of(&edit, true, "done") });
    let between = [calls(std::slice::from_ref(&edit)), changed];
    let entries = first.into_iter().chain(between).chain(second);
    assert_eq!(next(&with(entries), &budget()), Step::Ask, "something changed in between");
}

#[test]
fn silence_is_told_once() {
    let step = next(&with([says(" \n")]), &budget());
    assert!(is_note(&step, Why::Empty), "{step:?}");
    let note = Entry::Note { text: "empty".into(), why: Why::Empty };
    assert_eq!(next(&with([says(""), note.clone()]), &budget()), Step::Ask);
    assert_eq!(next(&with([says(""), note, says("")]), &budget()), Step::Stop(Halt::EmptyReply));
}

#[test]
fn talk_without_calls_is_told_once_in_a_row() {
    let note = || Entry::Note { text: "finish".into(), why: Why::NoFinish };
    assert!(is_note(&next(&with([says("All good!")]), &budget()), Why::NoFinish));
    let twice = [says("All good!"), note(), says("As I said.")];
    assert_eq!(next(&with(twice), &budget()), Step::Stop(Halt::NoFinish));
    let worked = [says("Hm."), note(), calls(&[read("1")]), done(&read("1"), true), says("Well.")];
    assert!(is_note(&next(&with(worked), &budget()), Why::NoFinish));
}

#[test]
fn a_reply_that_was_cut_off_is_told_so() {
    let long = Entry::Reply(Reply { text: "and".into(), stop: StopReason::Length, ..Reply::default() });
    assert!(matches!(next(&with([long]), &budget()), Step::Note(text, _) if text.contains("cut off")));
}

#[test]
fn a_refusal_and_a_flood_of_calls_stop() {
    let refusal = Entry::Reply(Reply { text: "no".into(), stop: StopReason::Refusal, ..Reply::default() });
    assert_eq!(next(&with([refusal]), &budget()), Step::Stop(Halt::Refused));
    let flood: Vec<_> = (0..65).map(|n| read(&n.to_string())).collect();
    assert_eq!(next(&with([calls(&flood)]), &budget()), Step::Stop(Halt::TooManyCalls(65)));
}

#[test]
fn each_budget_warns_once_and_then_lands() {
    let wrap = Entry::Note { text: "wrap".into(), why: Why::WrapUp };
    let used = |tokens| {
        let usage = Usage { input: tokens, ..Usage::default() };
        let reply = Reply { calls: vec![read("1")], usage, ..Reply::default() };
        vec![Entry::Reply(reply), done(&read("1"), true)]
    };
    let late = |now| Budget { now: at(now), ..budget() };
    let turns = |max_turns| Budget { max_turns, ..budget() };
    let bytes = |output_bytes| Budget { output_bytes, ..budget() };
    let cases = [
        ("time", used(1), late(850), late(1_000), Which::Time),
        ("turns", used(1), turns(2), turns(1), Which::Turns),
        ("context", used(85_000), budget(), Budget { context_tokens: 85_000, ..budget() }, Which::Context),
        ("output", used(1), bytes(28), bytes(5), Which::Output),
    ];
    for (name, mut entries, near, over, which) in cases {
        assert!(is_note(&next(&with(entries.clone()), &near), Why::WrapUp), "{name}");
        assert_eq!(next(&with(entries.clone()), &over), Step::Stop(Halt::Budget(which)), "{name}");
        entries.push(wrap.clone());
        let relaxed = Budget { output_bytes: 1_000, ..near };
        assert_eq!(next(&with(entries), &relaxed), Step::Ask, "{name}: told once");
    }
}

#[test]
fn paid_calls_run_on_the_last_turn_but_not_after_the_deadline() {
    let entries = [calls(&[read("1")])];
    let last = Budget { max_turns: 1, ..budget() };
    assert_eq!(next(&with(entries.clone()), &last), Step::Call(read("1")));
    let late = Budget { now: at(2_000), ..budget() };
    assert_eq!(next(&with(entries), &late), Step::Stop(Halt::Budget(Which::Time)));
    let step = next(&with([calls(&[finish()])]), &late);
    assert!(matches!(step, Step::Finish(_)), "finishing costs nothing");
}

#[test]
fn a_nonsense_budget_is_used_up_from_the_start() {
    let backwards = Budget { deadline: at(-5), ..budget() };
    assert_eq!(next(&briefed(), &backwards), Step::Stop(Halt::Budget(Which::Time)));
    assert_eq!(next(&briefed(), &Budget { max_turns: 0, ..budget() }), Step::Stop(Halt::Budget(Which::Turns)));
}

fn any_call() -> impl Strategy<Value = ToolCall> {
    let names = prop::sample::select(vec!["Read", "Write", FINISH, NOTHING_TO_DO, "Nope"]);
    let arguments = prop::sample::select(vec![
        json!(null),
        json!({"path": "a"}),
        json!({"title": "Mend the gate", "body": "x"}),
        json!({"reason": "r"}),
    ]);
    (0..4_u8, names, arguments).prop_map(|(id, name, arguments)| call(&id.to_string(), name, arguments))
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let stop = prop::sample::select(vec![StopReason::End, StopReason::Calls, StopReason::Length, StopReason::Refusal]);
    let why = prop::sample::select(vec![Why::WrapUp, Why::Empty, Why::NoFinish, Why::Gate]);
    prop_oneof![
        1 => Just(Entry::Briefing { system: String::new(), user: String::new(), tokens_estimated: 3 }),
        4 => (prop::collection::vec(any_call(), 0..4), "[ a]{0,2}", stop, any::<u64>()).prop_map(|(calls, text, stop, input)| {
            Entry::Reply(Reply { text, calls, stop, usage: Usage { input, ..Usage::default() }, ..Reply::default() })
        }),
        4 => (any_call(), any::<[bool; 3]>()).prop_map(|(call, [ok, invalid, changed])| {
            Entry::Result(CallResult { invalid, changed, ..CallResult::of(&call, ok, "out") })
        }),
        1 => ("[a ]{0,3}", why).prop_map(|(text, why)| Entry::Note { text, why }),
    ]
}

fn any_budget() -> impl Strategy<Value = Budget> {
    (0..6_u32, -10..2_000_i64, any::<u64>(), 0..5_000_u64).prop_map(|(max_turns, now, context_tokens, output_bytes)| {
        Budget { max_turns, now: at(now), context_tokens, output_bytes, ..budget() }
    })
}

#[test]
fn a_question_ends_the_run_unless_something_failed_before_it() {
    let ask = call("1", "AskHuman", json!({"question": " Which of both? "}));
    let asks = |calls: Vec<ToolCall>| Entry::Reply(Reply { calls, ..Reply::default() });
    let mut transcript = briefed();
    transcript.entries.push(asks(vec![ask.clone()]));
    assert_eq!(next(&transcript, &budget()), Step::Question(ask.clone(), "Which of both?".to_owned()));
    let read = call("0", "Read", json!({"path": "a"}));
    transcript.entries.push(asks(vec![read.clone(), ask.clone()]));
    transcript.entries.push(Entry::Result(CallResult::of(&read, false, "There is no file a.")));
    assert!(matches!(next(&transcript, &budget()), Step::Refuse(refused, _) if refused == ask));
    for wrong in [json!({}), json!({"question": " "}), json!({"question": "x".repeat(4_001)})] {
        let mut transcript = briefed();
        transcript.entries.push(asks(vec![call("1", "AskHuman", wrong)]));
        assert!(matches!(next(&transcript, &budget()), Step::Refuse(..)));
    }
}

#[test]
fn a_run_says_only_so_much_on_the_board() {
    let post = |n: usize| call(&n.to_string(), "PostToBoard", json!({"title": format!("Post {n}"), "body": "Hear!"}));
    let mut transcript = briefed();
    transcript.entries.push(Entry::Reply(Reply { calls: (0..4).map(post).collect(), ..Reply::default() }));
    for n in 0..3 {
        assert_eq!(next(&transcript, &budget()), Step::Call(post(n)));
        transcript.entries.push(done(&post(n), true));
    }
    assert!(
        matches!(next(&transcript, &budget()), Step::Refuse(refused, why) if refused == post(3) && why.contains("3 posts"))
    );
    transcript.entries.push(Entry::Result(CallResult::refused(&post(3), "no")));
    let said = crate::town::board::said(&transcript);
    assert_eq!(said.len(), 3, "what was refused was not said");
}

proptest! {
    #[test]
    fn every_transcript_has_one_sound_next_step(
        entries in prop::collection::vec(any_entry(), 0..20),
        briefed_first in prop::bool::weighted(0.9),
        budget in any_budget(),
    ) {
        let mut transcript = if briefed_first { briefed() } else {
            Transcript::new(RunId::from_parts(0, 7), "madchimp".parse().unwrap())
        };
        transcript.entries.extend(entries);
        let step = next(&transcript, &budget);
        prop_assert_eq!(&step, &next(&transcript, &budget));
        let turn = Turn::last(&transcript.entries);
        match &step {
            Step::Ask => prop_assert!(transcript.turns() < budget.max_turns && budget.now < budget.deadline),
            Step::Call(call) | Step::Refuse(call, _) | Step::Question(call, _) => {
                let turn = turn.unwrap();
                let answers = answers(&turn.reply.calls, turn.after);
                let open = answers.iter().position(Option::is_none).unwrap();
                prop_assert_eq!(&turn.reply.calls[open], call);
            }
            Step::Note(_, Why::WrapUp) => {
                let told = transcript.entries.iter().any(|e| matches!(e, Entry::Note { why: Why::WrapUp, .. }));
                prop_assert!(!told);
            }
            _ => {}
        }
    }

    #[test]
    fn a_run_always_ends(replies in prop::collection::vec(any_entry(), 1..8), oks in prop::collection::vec(any::<bool>(), 1..8)) {
        let mut transcript = briefed();
        let budget = Budget { max_turns: 5, ..budget() };
        let replies: Vec<_> = replies.into_iter().filter(|entry| matches!(entry, Entry::Reply(_))).collect();
        let mut asked = 0;
        for turn in 0..1_000 {
            match next(&transcript, &budget) {
                Step::Ask => {
                    let reply = replies.get(asked % replies.len().max(1)).cloned();
                    transcript.entries.push(reply.unwrap_or_else(|| says("hm")));
                    asked += 1;
                }
                Step::Call(call) | Step::Question(call, _) => {
                    transcript.entries.push(done(&call, oks[turn % oks.len()]));
                }
                Step::Refuse(call, why) => transcript.entries.push(Entry::Result(CallResult::refused(&call, &why))),
                Step::Note(text, why) => transcript.entries.push(Entry::Note { text, why }),
                Step::Finish(_) | Step::Nothing(_) | Step::Stop(_) => {
                    prop_assert!(asked <= 5);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "the run did not end");
    }
}
