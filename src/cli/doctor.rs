//! `monkeytown doctor`.
//! Lives here: saying what was found out, and what to do about it. Never here: finding it out.

use anyhow::Context as _;
use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, say};
use crate::tools::sandbox::{Capabilities, Kind, NO_WAY_OUT, Sandbox};

/// Say what this machine can enforce around commands that agents run, and why not; the exit code is 1 where it is nothing
#[derive(Debug, ClapArgs)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// When this program does not know its own file.
pub fn run(context: &Context, _: &Args) -> anyhow::Result<u8> {
    let program = context.env.executable().context("this program does not know its own file")?;
    let found = Sandbox::probe(program);
    let chosen = Sandbox::choose(&found);
    let advice = advice(&found, context.env.is_actions());
    let network = network(chosen.as_ref().ok().copied());
    let git = git_version(context);
    if context.json {
        say::json(&json!({
            "sandbox": chosen.as_ref().ok().map(|kind| kind.name()),
            "refusal": chosen.as_ref().err().map(ToString::to_string),
            "bubblewrap": side(&found.bubblewrap),
            "landlock": side(&found.landlock),
            "network_allow": side(&network),
            "machine": found.machine,
            "actions": context.env.is_actions(),
            "git": git,
            "advice": advice,
        }))?;
        return Ok(u8::from(chosen.is_err()));
    }
    say::answer(&format!("bubblewrap  {}", line(&found.bubblewrap)));
    say::answer(&format!("landlock    {}", line(&found.landlock)));
    say::answer(&format!("network     {}", network.as_ref().map_or_else(|why| why.clone(), Clone::clone)));
    say::answer(&format!("machine     {}", machine(&found, context.env.is_actions())));
    say::answer(&format!("git         {}", git.as_deref().unwrap_or("not found; the program needs it")));
    match &chosen {
        Ok(kind) => say::answer(&format!("Commands of agents run in a sandbox made by {}.", kind.name())),
        Err(_) => say::answer("Commands of agents do not run here: agents do without the tool Bash."),
    }
    for line in advice {
        say::answer(&format!("- {line}"));
    }
    Ok(u8::from(chosen.is_err()))
}

/// What becomes of `network.allow` here.
fn network(kind: Option<Kind>) -> Result<String, String> {
    match kind {
        Some(kind) if kind.has_network() => Ok("commands reach what network.allow names, and nothing else".to_owned()),
        Some(_) => Err(NO_WAY_OUT.to_owned()),
        None => Err("no command runs here".to_owned()),
    }
}

fn side(found: &Result<String, String>) -> serde_json::Value {
    match found {
        Ok(version) => json!({"works": true, "version": version}),
        Err(why) => json!({"works": false, "why": why}),
    }
}

fn line(found: &Result<String, String>) -> String {
    match found {
        Ok(version) => format!("works ({version})"),
        Err(why) => format!("does not work: {why}"),
    }
}

fn machine(found: &Capabilities, actions: bool) -> String {
    let machine = &found.machine;
    if !cfg!(target_os = "linux") {
        return std::env::consts::OS.to_owned();
    }
    let mut parts = vec![format!("kernel {}", machine.kernel.as_deref().unwrap_or("unknown"))];
    parts.push(machine.landlock_abi.map_or("no Landlock".to_owned(), |abi| format!("Landlock {abi}")));
    parts.push(if machine.seccomp { "seccomp" } else { "no seccomp" }.to_owned());
    parts.push(if machine.root { "root" } else { "not root" }.to_owned());
    parts.extend(machine.restricted_user_namespaces.then(|| "user namespaces restricted".to_owned()));
    parts.extend(machine.container.then(|| "in a container".to_owned()));
    parts.extend(actions.then(|| "on a runner of GitHub Actions".to_owned()));
    parts.join(", ")
}

/// What would make it better.
fn advice(found: &Capabilities, actions: bool) -> Vec<String> {
    let machine = &found.machine;
    if !cfg!(target_os = "linux") {
        let elsewhere = "Everything else works. For agents with the tool Bash run monkeytown on Linux: in a virtual machine, a container, WSL \
                         or a job of GitHub Actions.";
        return vec![elsewhere.to_owned()];
    }
    let mut advice = Vec::new();
    if let Err(why) = &found.bubblewrap {
        if why == "it is not installed" {
            advice.push("For the stronger sandbox install bubblewrap: sudo apt-get install bubblewrap".to_owned());
        }
        if machine.restricted_user_namespaces && actions {
            advice.push(
                "This runner keeps user namespaces from programs; a step before the agent can allow them: \
                 sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
                    .to_owned(),
            );
        } else if machine.restricted_user_namespaces {
            advice.push(
                "User namespaces are kept from users here; an AppArmor profile for bwrap allows them, see \
                 /usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
                    .to_owned(),
            );
        }
        if machine.user_namespaces == Some(0) {
            advice.push("There may be no user namespaces: sudo sysctl -w user.max_user_namespaces=10000".to_owned());
        }
        if machine.container {
            advice.push(
                "In a container bubblewrap needs what its runtime keeps back: --security-opt seccomp=unconfined \
                 --security-opt apparmor=unconfined, and for root --cap-add SYS_ADMIN"
                    .to_owned(),
            );
        }
    }
    if found.bubblewrap.is_err() && found.landlock.is_err() && machine.landlock_abi.is_none_or(|abi| abi < 6) {
        advice.push("Landlock needs Linux 6.12 with landlock among lsm= at boot.".to_owned());
    }
    advice
}

fn git_version(context: &Context) -> Option<String> {
    let mut git = std::process::Command::new("git");
    let output = git.arg("--version").env_clear().env("PATH", context.env.path()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().strip_prefix("git version ").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::sandbox::Machine;

    fn found(bubblewrap: Result<&str, &str>, machine: Machine) -> Capabilities {
        let own = |result: Result<&str, &str>| result.map(str::to_owned).map_err(str::to_owned);
        Capabilities { bubblewrap: own(bubblewrap), landlock: own(Err("no")), machine }
    }

    // covers: sandbox#no-command-without-a-sandbox/a-machine-that-enforces-nothing
    #[test]
    fn advice_follows_from_what_is_missing() {
        assert!(advice(&found(Ok("0.8.0"), Machine::default()), true).is_empty());
        let restricted = Machine { restricted_user_namespaces: true, landlock_abi: Some(6), ..Machine::default() };
        let lines = advice(&found(Err("it is not installed"), restricted.clone()), true).join("\n");
        assert!(lines.contains("apt-get install bubblewrap") && lines.contains("sysctl -w kernel.apparmor"), "{lines}");
        let lines = advice(&found(Err("no"), restricted), false).join("\n");
        assert!(lines.contains("AppArmor profile") && !lines.contains("sysctl"), "{lines}");
        let container = Machine { container: true, landlock_abi: Some(3), ..Machine::default() };
        let lines = advice(&found(Err("no"), container), false).join("\n");
        assert!(lines.contains("--cap-add SYS_ADMIN") && lines.contains("Linux 6.12"), "{lines}");
    }
}
