//! Where in a path a pattern may end: all places at once, so that no pattern takes long.
//! Lives here: going on from places to places. Never here: how a pattern is written (see `parser`).

use super::parser::{DOT, Node, SLASH, Times};

/// The places of the path where the nodes may end, for places where they may begin.
pub(super) fn run(nodes: &[Node], path: &[u16], from: Vec<bool>) -> Vec<bool> {
    nodes.iter().fold(from, |at, node| if at.contains(&true) { step(node, path, &at) } else { at })
}

fn step(node: &Node, path: &[u16], at: &[bool]) -> Vec<bool> {
    let one = |fits: &dyn Fn(u16) -> bool| {
        let mut next = vec![false; at.len()];
        (0..path.len()).filter(|place| at[*place] && fits(path[*place])).for_each(|place| next[place + 1] = true);
        next
    };
    let keep = |fits: &dyn Fn(usize) -> bool| (0..at.len()).map(|place| at[place] && fits(place)).collect();
    match node {
        Node::Unit(unit) => one(&|found| found == *unit),
        Node::One { first } => one(&|found| found != SLASH && !(*first && found == DOT)),
        Node::Class { negated, ranges } => one(&|found| {
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&found)) != *negated && !(*negated && found == SLASH)
        }),
        Node::NoDot => no_dot(path, at),
        Node::More => keep(&|place| place < path.len()),
        Node::Star => spread(path, at, |place| path[place] != SLASH),
        Node::Deep => deep(path, at),
        Node::Before => {
            let mut next = after_slash(path, &either(at.to_vec(), &deep(path, at)));
            next[0] |= at[0];
            next
        }
        Node::Between => {
            let slashed = after_slash(path, at);
            let further = after_slash(path, &deep(path, &no_dot(path, &slashed)));
            either(slashed, &further)
        }
        Node::Below => {
            let mut next = deep(path, &no_dot(path, &after_slash(path, at)));
            next[path.len()] |= at[path.len()];
            next
        }
        Node::Group { choices, times } => group(choices, *times, path, at),
        Node::Not { choices, then, is_end, deep: is_deep } => {
            let is_refused = |place: usize| {
                let mut from = vec![false; at.len()];
                from[place] = true;
                let ends = run(then, path, all(choices, path, &from));
                if *is_end { ends[path.len()] } else { ends.contains(&true) }
            };
            let kept: Vec<bool> = keep(&|place| !is_refused(place));
            if *is_deep { deep(path, &kept) } else { spread(path, &kept, |place| path[place] != SLASH) }
        }
    }
}

fn either(mut one: Vec<bool>, other: &[bool]) -> Vec<bool> {
    one.iter_mut().zip(other).for_each(|(one, other)| *one |= other);
    one
}

fn after_slash(path: &[u16], at: &[bool]) -> Vec<bool> {
    let mut next = vec![false; at.len()];
    (0..path.len()).filter(|place| at[*place] && path[*place] == SLASH).for_each(|place| next[place + 1] = true);
    next
}

/// On over every place that may be passed.
fn spread(path: &[u16], at: &[bool], passes: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut next = at.to_vec();
    for place in 0..path.len() {
        if next[place] && passes(place) {
            next[place + 1] = true;
        }
    }
    next
}

fn no_dot(path: &[u16], at: &[bool]) -> Vec<bool> {
    (0..at.len()).map(|place| at[place] && path.get(place) != Some(&DOT)).collect()
}

/// On over everything, but into no folder that begins with a dot.
fn deep(path: &[u16], at: &[bool]) -> Vec<bool> {
    spread(path, at, |place| match path[place] {
        DOT => place > 0,
        SLASH => path.get(place + 1) != Some(&DOT),
        _ => true,
    })
}

fn all(choices: &[Vec<Node>], path: &[u16], at: &[bool]) -> Vec<bool> {
    choices.iter().map(|nodes| run(nodes, path, at.to_vec())).fold(vec![false; at.len()], |all, one| either(all, &one))
}

fn group(choices: &[Vec<Node>], times: Times, path: &[u16], at: &[bool]) -> Vec<bool> {
    let once = all(choices, path, at);
    let mut found = match times {
        Times::Once => return once,
        Times::Maybe => return either(once, at),
        Times::Any => either(once, at),
        Times::Many => once,
    };
    loop {
        let next = either(all(choices, path, &found), &found);
        if next == found {
            return found;
        }
        found = next;
    }
}
