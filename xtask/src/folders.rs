//! Where what is fetched is kept.

use std::path::{Path, PathBuf};

/// The environment variable that `mujoco-rs` reads; `.cargo/config.toml` gives it a value.
pub(crate) const FOLDER: &str = "MUJOCO_DYNAMIC_LINK_DIR";

/// Where this workspace keeps everything that xtask makes; also named in `.cargo/config.toml`. Independent of
/// `CARGO_TARGET_DIR`.
pub(crate) fn made_here(root: &Path) -> PathBuf {
    root.join("target/cargo-xtask-setup")
}

/// Where the library is kept if the user does not say otherwise.
pub(crate) fn own_folder(root: &Path) -> PathBuf {
    made_here(root).join("mujoco")
}
