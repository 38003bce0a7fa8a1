//! Build script of every crate whose executables and tests link MuJoCo: writes the folder of its library
//! into them (the rpath), so that they start without `LD_LIBRARY_PATH`.
//!
//! A build script sets the linker arguments of its own package only, so each of those crates has this one file as its
//! `build.rs`, by a symbolic link. The folder of the executable itself is searched as well: on a
//! machine without the sources, put the library beside the executable.

use std::env;
use std::path::Path;

const FOLDER: &str = "MUJOCO_DYNAMIC_LINK_DIR";
/// Set for a wheel, which carries the library: it names no folder of the machine that built it.
const BUNDLED: &str = "WR2L_BUNDLED";

pub(crate) fn main() {
    println!("cargo::rerun-if-env-changed={FOLDER}");
    println!("cargo::rerun-if-env-changed={BUNDLED}");
    let Ok(folder) = env::var(FOLDER) else { return };
    let (library, beside) = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => ("libmujoco.so", "$ORIGIN"),
        Ok("macos") => ("libmujoco.dylib", "@executable_path"),
        _ => return,
    };
    // Only `wr2l-sim` and `wr2l-lanes` have this feature. Without it nothing links MuJoCo, and its library need not be there.
    if env::var_os("CARGO_FEATURE_MUJOCO").is_some() {
        let library = Path::new(&folder).join(library);
        println!("cargo::rerun-if-changed={}", library.display());
        if !library.exists() {
            println!(
                "cargo::error=MuJoCo is not set up ({} is missing): run `cargo xtask setup`",
                library.display()
            );
        }
    }
    // `-Xlinker` and not `-Wl,`: a folder's name may contain a comma.
    // A library that lies beside is meant.
    let elsewhere = (env::var_os(BUNDLED).is_none()).then_some(folder.as_str());
    for folder in std::iter::once(beside).chain(elsewhere) {
        for argument in ["-Xlinker", "-rpath", "-Xlinker", folder] {
            println!("cargo::rustc-link-arg={argument}");
        }
    }
}
