//! Licence files, told apart by their key phrases.
//! Lives here: a table of phrases. Never here: legal advice.

/// Whether a file's name says that it holds a licence.
pub(super) fn is_licence_file(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let stem = upper.split(['.', '-', '_']).next().unwrap_or_default();
    matches!(stem, "LICENSE" | "LICENCE" | "COPYING" | "UNLICENSE")
}

/// Phrases in lower case with single blanks; the first licence of which all are there.
const PHRASES: &[(&str, &[&str])] = &[
    ("AGPL-3.0", &["gnu affero general public license", "version 3"]),
    ("LGPL-3.0", &["gnu lesser general public license", "version 3"]),
    ("LGPL-2.1", &["gnu lesser general public license", "version 2.1"]),
    ("GPL-3.0", &["gnu general public license", "version 3"]),
    ("GPL-2.0", &["gnu general public license", "version 2"]),
    ("Apache-2.0", &["apache license", "version 2.0"]),
    ("MPL-2.0", &["mozilla public license", "2.0"]),
    ("EPL-2.0", &["eclipse public license", "2.0"]),
    ("BSL-1.0", &["boost software license"]),
    ("ISC", &["permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"]),
    ("BSD-3-Clause", &["redistribution and use in source and binary forms", "neither the name"]),
    ("BSD-2-Clause", &["redistribution and use in source and binary forms"]),
    ("Unlicense", &["this is free and unencumbered software released into the public domain"]),
    ("CC0-1.0", &["cc0 1.0 universal"]),
    ("CC-BY-4.0", &["attribution 4.0 international"]),
    ("Zlib", &["this software is provided 'as-is'", "altered source versions must be plainly marked"]),
    ("MIT", &["permission is hereby granted, free of charge", "the software is provided \"as is\""]),
];

/// The licence that a text seems to be.
pub(super) fn detect(text: &str) -> Option<String> {
    let head: String = text.chars().take(20_000).collect();
    let plain = head.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let found = PHRASES.iter().find(|(_, phrases)| phrases.iter().all(|phrase| plain.contains(phrase)));
    found.map(|(name, _)| (*name).to_owned())
}
