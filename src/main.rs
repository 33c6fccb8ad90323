//! The program `monkeytown`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    monkeytown::cli::main()
}
