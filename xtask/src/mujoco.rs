//! MuJoCo's shared library: taken out of the wheel on the package index, once.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use crate::folders::{FOLDER, made_here, own_folder};
use crate::process::Failure;
use crate::python;

/// The release that `mujoco-rs` binds; `xtask/mujoco.txt` pins its wheels.
const VERSION: &str = "3.17.0";

/// What the linker opens, a link to what the loader opens.
#[cfg(not(target_os = "macos"))]
const NAMES: [&str; 2] = ["libmujoco.so", "libmujoco.so.3.17.0"];
#[cfg(target_os = "macos")]
const NAMES: [&str; 2] = ["libmujoco.dylib", "libmujoco.3.17.0.dylib"];

/// The wheel's platform and the size of the library in it, in bytes; none where there is no wheel that fits.
const WHEEL: Option<(&str, u64)> =
    if cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")) {
        Some(("manylinux_2_28_x86_64", 7_252_544))
    } else if cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "aarch64")) {
        Some(("manylinux_2_28_aarch64", 6_594_304))
    } else {
        None
    };

/// Takes one member out of a wheel. Arguments: wheel, member, destination.
const EXTRACT: &str = "\
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source, open(sys.argv[3], 'xb') as target:
    shutil.copyfileobj(source, target)
";

/// Makes sure that MuJoCo's library is there, and returns its folder.
///
/// # Errors
/// When the user's own folder lacks it, or it cannot be fetched.
pub(crate) fn set_up(root: &Path) -> Result<PathBuf, Failure> {
    let own = own_folder(root);
    match env::var_os(FOLDER) {
        // Cargo has set it to our own for this process, too.
        Some(folder) if Path::new(&folder) != own => check_users(&folder).map(|()| folder.into()),
        _ => {
            if !is_complete(&own) {
                fetch(root, &own)?;
            }
            Ok(own)
        }
    }
}

fn check_users(folder: &OsStr) -> Result<(), Failure> {
    let folder = Path::new(folder);
    let missing = NAMES.iter().find(|name| !folder.join(name).is_file());
    let wrong = match missing {
        _ if !folder.is_absolute() => "is not an absolute path".to_owned(),
        Some(name) => format!("holds no {name}"),
        None => return Ok(()),
    };
    Err(Failure(format!(
        "{FOLDER} is set to \"{}\", which {wrong}: point it to the folder of MuJoCo {VERSION}'s library, \
         or unset it and the library will be fetched",
        folder.display()
    )))
}

/// Whether the library is there in its full size; a link that leads nowhere is not there.
fn is_complete(folder: &Path) -> bool {
    let size = fs::metadata(folder.join(NAMES[0])).map(|library| library.len()).ok();
    folder.join(NAMES[1]).is_file() && size.is_some() && size == WHEEL.map(|(_, size)| size)
}

fn fetch(root: &Path, folder: &Path) -> Result<(), Failure> {
    let Some((platform, _)) = WHEEL else {
        return Err(Failure(format!(
            "wr2l fetches MuJoCo for Linux with glibc on x86_64 and aarch64 only: install MuJoCo {VERSION} \
             yourself and set {FOLDER} to the folder that holds {}",
            NAMES[1]
        )));
    };
    let mut pip = python::with_pip("fetch MuJoCo")?;

    // Made aside and moved in one piece, so that an interrupted set-up leaves nothing half there.
    let aside = made_here(root).join(format!("mujoco-{}", process::id()));
    let unwritable = |error: io::Error| {
        let place = made_here(root);
        Failure(format!("{} cannot be written ({error}): make it writable, or make room", place.display()))
    };
    fs::create_dir_all(&aside).map_err(unwritable)?;
    let aside = Aside(aside);

    eprintln!("Fetching MuJoCo {VERSION} (27 MB) into {}", folder.display());
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--retries=2",
    ]);
    pip.args(["--python-version=3.12", "--implementation=cp", "--abi=cp312", "--platform", platform]);
    python::run_pip(pip.arg("--dest").arg(&aside.0).arg("--requirement").arg(root.join("xtask/mujoco.txt")))?;

    let wheel = find_wheel(&aside.0).map_err(unwritable)?;
    let member = format!("mujoco/{}", NAMES[1]);
    python::run_script(EXTRACT, &[wheel.as_ref(), member.as_ref(), aside.0.join(NAMES[1]).as_ref()])?;
    fs::remove_file(wheel).map_err(unwritable)?;
    link(NAMES[1], &aside.0.join(NAMES[0])).map_err(unwritable)?;

    if folder.exists() && !is_complete(folder) {
        fs::remove_dir_all(folder).map_err(unwritable)?;
    }
    match fs::rename(&aside.0, folder) {
        // Another set-up may have been faster.
        Err(error) if !is_complete(folder) => Err(unwritable(error)),
        _ if !is_complete(folder) => {
            Err(Failure(format!("the library in the wheel of MuJoCo {VERSION} is not the one expected")))
        }
        _ => Ok(()),
    }
}

fn find_wheel(folder: &Path) -> io::Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    Err(io::Error::other("pip left no wheel there"))
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(to: &str, at: &Path) -> io::Result<()> {
    fs::copy(at.with_file_name(to), at).map(|_| ())
}

/// A folder that goes away again, unless it was moved.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_wheel_and_the_names_are_of_one_version() {
        assert!(include_str!("../mujoco.txt").contains(&format!("\nmujoco=={VERSION} ")));
        assert!(include_str!("../parity.txt").contains(&format!("\nmujoco=={VERSION}\n")));
        assert!(NAMES[1].contains(VERSION));
    }

    #[test]
    fn a_folder_without_the_library_is_refused_with_what_it_lacks() {
        let refusal = |folder: &str| check_users(OsStr::new(folder)).unwrap_err().0;
        assert!(refusal("relative").contains("is not an absolute path"));
        assert!(refusal(env::temp_dir().to_str().unwrap()).contains(&format!("holds no {}", NAMES[0])));
    }
}
