//! Where ours differs from the reference on purpose in the profile that stands in for it, and why.
//!
//! Lives here: the one table. Never here: what other profiles say more (see `bugs`). A case that stands here and agrees is a
//! failed test.

/// A case or an item as the comparison names it, and the reason.
pub const DIVERGENCES: &[(&str, &str)] = &[
    (
        "a-not-utf8-delta",
        "B11: the reference writes U+FFFD for bytes that are no UTF-8 and loses them; ours refuses to merge them",
    ),
    (
        "n-archive",
        "the reference begins a change called archive in the folder of archived changes, where no command finds it again; \
         ours refuses",
    ),
    (
        "k-backslash",
        "the reference takes a backslash in the name of a folder for a slash and says that nothing of the change is written; \
         ours finds what is there",
    ),
];
