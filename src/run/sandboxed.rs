//! What of a run happens in the sandbox: commands that a model chooses.
//! Lives here: which sandbox there is, and which tools need it. Never here: what keeps a command in (see the room `tools`).

use super::Edge;
use super::think::Thinker;
use crate::tools::sandbox::Sandbox;
use crate::tools::{self, Shell, Toolbox};
use crate::town::charter::Charter;
use crate::town::network::Allow;
use crate::town::settings::Settings;

/// The sandbox that this machine can enforce. That is only found out by trying.
///
/// # Errors
/// With why there is none, as `monkeytown doctor` says it.
pub(super) fn sandbox(edge: &Edge<'_>) -> Result<Sandbox, String> {
    let program = edge.program.as_ref().ok_or("this program does not know its own file, which makes the sandbox")?;
    let kind = Sandbox::choose(&Sandbox::probe(program)).map_err(|refusal| refusal.to_string())?;
    Ok(Sandbox::new(program.clone(), kind))
}

fn shell(edge: &Edge<'_>, settings: &Settings) -> Result<Shell, String> {
    Ok(Shell::new(sandbox(edge)?, edge.tools.clone(), Allow::of(&settings.network.allow)))
}

/// The tools that the charter gives.
pub(super) fn toolbox(edge: &Edge<'_>, charter: &Charter, thinker: &Thinker, settings: &Settings) -> Toolbox {
    if *thinker == Thinker::Embedded || !charter.tools.iter().any(|name| name == tools::BASH) {
        return tools::table(&charter.tools);
    }
    let shell = shell(edge, settings);
    tools::table_with(&charter.tools, shell.as_ref().map(Shell::clone).map_err(String::as_str))
}
