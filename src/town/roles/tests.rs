//! Cases of what each role does without a mind.
