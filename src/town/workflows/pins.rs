//! The actions of others that the workflows use, each pinned to the commit of a release.
//! Lives here: the pins. Never here: the town's own action, which its settings name.

/// What the templates call it, and `owner/name@commit # version`.
pub(super) const PINS: [(&str, &str); 6] = [
    ("checkout", "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"),
    ("cache_restore", "actions/cache/restore@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5"),
    ("cache_save", "actions/cache/save@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5"),
    ("upload", "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1"),
    ("download", "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1"),
    ("app_token", "actions/create-github-app-token@bcd2ba49218906704ab6c1aa796996da409d3eb1 # v3.2.0"),
];
