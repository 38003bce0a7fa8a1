//! Everything that is linked has a licence that `deny.toml` allows, comes from the registry, and is not banned.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};
use toml::Table;

/// The packages of the workspace and all that it depends on here, development included, as cargo describes them.
fn packages() -> Vec<Value> {
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    let version = Command::new("rustc").arg("-vV").output().expect("there is a compiler");
    let version = String::from_utf8(version.stdout).expect("it speaks UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("it names the machine");
    let mut metadata = cargo();
    metadata.args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--all-features",
        "--filter-platform",
        host,
    ]);
    let output = metadata.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("there is a cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    metadata["packages"].as_array().expect("a list").clone()
}

/// What is wrong with a package, by the rules of `deny.toml`.
fn complaint(rules: &Table, package: &Value) -> Option<String> {
    let strings = |section: &str, key: &str| -> Vec<String> {
        let list = rules[section][key].as_array().expect("a list");
        let name =
            |value: &toml::Value| value.as_str().or_else(|| value.get("name")?.as_str()).map(str::to_owned);
        list.iter().filter_map(name).collect()
    };
    let name = package["name"].as_str().unwrap_or_default();
    if strings("bans", "deny").iter().any(|banned| banned == name) {
        return Some(format!("{name} is banned"));
    }
    // Nothing but the registry and this workspace: no repository at some commit.
    if let Some(source) = package["source"].as_str().filter(|source| !source.starts_with("registry+")) {
        return Some(format!("{name} comes from {source}"));
    }
    let Some(licence) = package["license"].as_str() else { return Some(format!("{name} states no licence")) };
    let allowed = strings("licenses", "allow");
    let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("{name}: {licence}: {error}")),
    };
    let permitted = expression.evaluate(|one| allowed.iter().any(|allowed| *allowed == one.to_string()));
    (!permitted).then(|| format!("{name} is under {licence}"))
}

fn rules() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn every_dependency_is_one_that_this_project_may_have() {
    let (rules, packages) = (rules(), packages());
    assert!(packages.len() > 50, "{} packages", packages.len());
    let complaints: Vec<String> = packages.iter().filter_map(|package| complaint(&rules, package)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn other_licences_sources_and_banned_names_are_seen() {
    let rules = rules();
    let package = |name: &str, licence: Value, source: &str| serde_json::json!({ "name": name, "license": licence, "source": source });
    let registry = "registry+index";
    for (sound, package) in [
        (true, package("a", "MIT/Apache-2.0".into(), registry)),
        (true, package("a", "MIT OR LGPL-2.1-or-later".into(), registry)),
        (false, package("a", "LGPL-2.1-or-later".into(), registry)),
        (false, package("a", "MIT AND GPL-3.0-only".into(), registry)),
        (false, package("a", Value::Null, registry)),
        (false, package("a", "MIT".into(), "git+somewhere")),
        (false, package("openssl-sys", "MIT".into(), registry)),
    ] {
        assert_eq!(complaint(&rules, &package).is_none(), sound, "{package}");
    }
}
