//! Builds the page in `web/` and hands it to `src/serve/assets.rs`, which carries it inside the program.
//! Lives here: when npm and Vite run, and what is said where they cannot. Never here: what the page is, or how it is served.
//!
//! Everything is made below the target folder, so that the sources may be read-only. What was built from the same sources is taken
//! from there: Vite runs once for all profiles, and the network is asked only when the lock file has changed.

// Cargo talks to a build script through its environment.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File};
use std::hash::Hasher as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// What of `web/` decides how the page comes out; its tests do not.
const SOURCES: [&str; 7] =
    [".npmrc", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src"];
/// Pages of older sources that are kept, for who goes back and forth between branches.
const KEPT: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let web = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let workshop = target(&out).join("tools/web");
    fs::create_dir_all(&workshop)?;
    let again = workshop.join("again");
    if !again.exists() {
        // As old as can be: cargo would take a newer one for a wish to build again.
        File::create(&again)?.set_modified(SystemTime::UNIX_EPOCH)?;
    }
    for source in SOURCES {
        println!("cargo:rerun-if-changed=web/{source}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", again.display());
    println!("cargo:rerun-if-env-changed=MONKEYTOWN_PAGE");
    let page = match page(&web, &workshop) {
        Ok(built) => table(&built, &out)?,
        Err(why) => {
            println!("cargo:warning=the program gets no page, and says so where one would be: {why}");
            println!("cargo:warning=when that is put right: touch {} and build again", again.display());
            format!("Page {{ files: &[], missing: {why:?} }}")
        }
    };
    fs::write(out.join("page.rs"), page)?;
    Ok(())
}

/// The target folder, which cargo marks as one that holds nothing of worth; one that somebody else made is where it usually is.
fn target(out: &Path) -> &Path {
    let marked = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.or_else(|| out.ancestors().nth(4)).unwrap_or(out)
}

/// The folder with the built page of these sources.
fn page(web: &Path, workshop: &Path) -> Result<PathBuf, String> {
    if std::env::var_os("MONKEYTOWN_PAGE").is_some_and(|wish| wish == "none") {
        return Err("MONKEYTOWN_PAGE=none asked for none".to_owned());
    }
    if std::env::var_os("DOCS_RS").is_some() {
        return Err("docs.rs has no network".to_owned());
    }
    let sources = read(web).map_err(|error| format!("web/ cannot be read: {error}"))?;
    let built = workshop.join("built").join(digest(&sources));
    if built.is_dir() {
        return Ok(built);
    }
    // Other profiles build at the same time.
    let lock = File::create(workshop.join("lock")).and_then(|lock| lock.lock().map(|()| lock));
    let _lock = lock.map_err(|error| format!("{} cannot be locked: {error}", workshop.display()))?;
    if built.is_dir() {
        return Ok(built);
    }
    install(web, workshop)?;
    build(&sources, workshop, &built)?;
    Ok(built)
}

/// All sources, by their path.
fn read(web: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = SOURCES.iter().map(PathBuf::from).collect();
    while let Some(path) = waiting.pop() {
        let here = web.join(&path);
        if here.is_dir() {
            for entry in fs::read_dir(&here)? {
                waiting.push(path.join(entry?.file_name()));
            }
        } else {
            found.push((path, fs::read(&here)?));
        }
    }
    found.sort();
    Ok(found)
}

/// A name for these sources. Nobody gains by a collision: who can choose the sources can choose the page.
fn digest(sources: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hash = std::hash::DefaultHasher::new();
    for (path, bytes) in sources {
        hash.write(path.to_string_lossy().replace('\\', "/").as_bytes());
        hash.write(&[0]);
        hash.write_usize(bytes.len());
        hash.write(bytes);
    }
    format!("{:016x}", hash.finish())
}

/// Installs what the lock file pins, unless it is there already.
fn install(web: &Path, workshop: &Path) -> Result<(), String> {
    let stamp = workshop.join("installed");
    let wanted = fs::read(web.join("package-lock.json")).map_err(|error| format!("web/package-lock.json: {error}"))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let fails = |error: io::Error| format!("{} cannot be written: {error}", workshop.display());
    // Half an installation is none.
    let _ = fs::remove_file(&stamp);
    for name in [".npmrc", "package.json", "package-lock.json"] {
        fs::copy(web.join(name), workshop.join(name)).map_err(fails)?;
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let options = "ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1";
    run(Command::new(npm).args(options.split(' ')).current_dir(workshop), "npm ci")?;
    fs::write(&stamp, wanted).map_err(fails)
}

/// Runs Vite on a copy of the sources that has the installed packages above it.
fn build(sources: &[(PathBuf, Vec<u8>)], workshop: &Path, built: &Path) -> Result<(), String> {
    let fails = |error: io::Error| format!("{} cannot be written: {error}", workshop.display());
    let (copy, dist) = (workshop.join("page"), workshop.join("page/dist"));
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(fails)?;
    }
    for (path, bytes) in sources {
        let path = copy.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&copy)).map_err(fails)?;
        fs::write(path, bytes).map_err(fails)?;
    }
    let vite = workshop.join("node_modules/vite/bin/vite.js");
    run(Command::new("node").arg(vite).args(["build", "--outDir", "dist"]).current_dir(&copy), "vite build")?;
    let shelf = built.parent().unwrap_or(workshop);
    fs::create_dir_all(shelf).map_err(fails)?;
    sweep(shelf);
    fs::rename(dist, built).map_err(fails)
}

/// Runs a program of Node's, and says in one line why it failed.
fn run(command: &mut Command, name: &str) -> Result<(), String> {
    let done = command.stdin(Stdio::null()).env_remove("NODE_ENV").env_remove("NODE_OPTIONS").output();
    let done = done.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("`{name}` needs Node.js 20.19 or newer with npm, and it is not on PATH"),
        _ => format!("`{name}` cannot be run: {error}"),
    })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(if done.stderr.is_empty() { &done.stdout } else { &done.stderr });
    let line = said.replace("npm error ", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(format!("`{name}` failed ({}): {line}", done.status))
}

/// Takes the oldest pages away; one that is still wanted is built again.
fn sweep(shelf: &Path) {
    let mut pages: Vec<(SystemTime, PathBuf)> = fs::read_dir(shelf)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    pages.sort();
    for (_, page) in pages.iter().rev().skip(KEPT - 1) {
        let _ = fs::remove_dir_all(page);
    }
}

/// Copies the page to where the compiler finds it, and writes the expression that includes it.
fn table(built: &Path, out: &Path) -> io::Result<String> {
    let place = out.join("page");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    let mut files = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        fs::create_dir_all(place.join(&folder))?;
        for entry in fs::read_dir(built.join(&folder))? {
            let path = folder.join(entry?.file_name());
            if built.join(&path).is_dir() {
                waiting.push(path);
            } else {
                fs::copy(built.join(&path), place.join(&path))?;
                files.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    let include = |name: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), {:?}))", format!("/page/{name}"));
    let entries = files.iter().filter(|name| !name.ends_with(".gz")).map(|name| {
        let packed = format!("{name}.gz");
        let gzip = if files.contains(&packed) { format!("Some({})", include(&packed)) } else { "None".to_owned() };
        format!("    Asset {{ path: {name:?}, bytes: {}, gzip: {gzip} }},\n", include(name))
    });
    Ok(format!("Page {{ files: &[\n{}], missing: \"\" }}\n", entries.collect::<String>()))
}
