//! Which schedules GitHub's cron can keep.
//! Lives here: the grammar that it takes, narrower than the one of a charter. Never here: planned times (see
//! [`crate::town::schedule`]).

/// Name, smallest and largest number of each field, and the names that may stand for numbers, beginning with the smallest.
const FIELDS: [(&str, u8, u8, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    ("day of the week", 0, 6, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
];

/// The expression with one space between its fields.
///
/// # Errors
/// A sentence that says which field GitHub does not take.
pub(super) fn for_github(cron: &str) -> Result<String, String> {
    let parts: Vec<&str> = cron.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err(format!("its cron has {} fields, and GitHub takes five", parts.len()));
    }
    for (part, (name, least, most, names)) in parts.iter().zip(FIELDS) {
        if !part.split(',').all(|item| is_item(item, least, most, names)) {
            let part: String = part.chars().take(40).collect();
            return Err(format!("GitHub does not understand {part:?} as the {name}"));
        }
    }
    Ok(parts.join(" "))
}

/// `*`, a value or a range, each with or without a step.
fn is_item(item: &str, least: u8, most: u8, names: &[&str]) -> bool {
    let (values, step) = item.split_once('/').map_or((item, None), |(values, step)| (values, Some(step)));
    let number = |text: &str| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|_| digits)
    };
    let value = |text: &str| {
        let named = || (least..).zip(names).find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(value, _)| value);
        number(text).or_else(named).filter(|value| (least..=most).contains(value))
    };
    let fits = match values.split_once('-') {
        _ if values == "*" => true,
        Some((first, last)) => value(first).zip(value(last)).is_some_and(|(first, last)| first <= last),
        None => value(values).is_some(),
    };
    fits && step.is_none_or(|step| number(step).is_some_and(|step| (1..=most).contains(&step)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_github_takes_is_taken_with_single_spaces() {
        for (cron, given) in [
            ("20 */4 * * *", "20 */4 * * *"),
            (" 13  1-23/4 *\t* * ", "13 1-23/4 * * *"),
            ("5,35 0 1-15 JAN-jun MON-FRI", "5,35 0 1-15 JAN-jun MON-FRI"),
            ("20/15 * * * 0,6", "20/15 * * * 0,6"),
        ] {
            assert_eq!(for_github(cron).unwrap(), given);
        }
    }

    #[test]
    fn what_github_does_not_take_is_named() {
        for (cron, part) in [
            ("20 4 * *", "4 fields"),
            ("20 4 L * *", "\"L\" as the day of the month"),
            ("20 4 15W * *", "\"15W\""),
            ("20 4 ? * *", "\"?\""),
            ("20 4 * * 7", "\"7\" as the day of the week"),
            ("20 4 * * FRI#2", "\"FRI#2\""),
            ("60 4 * * *", "\"60\" as the minute"),
            ("20 4 * * FRI-MON", "\"FRI-MON\""),
            ("*/0 4 * * *", "\"*/0\""),
            ("1, 4 * * *", "\"1,\""),
            ("+1 4 * * *", "\"+1\""),
            ("20 4 * JAN/x *", "\"JAN/x\" as the month"),
        ] {
            let why = for_github(cron).unwrap_err();
            assert!(why.contains(part), "{cron}: {why}");
        }
    }
}
