//! Says of every MJCF file whether this engine moves it, or what it refuses first.
//!
//! ```sh
//! cargo run -p wr2l-lanes --features mujoco --example covers -- MODEL.xml…
//! ```

#[cfg(not(feature = "mujoco"))]
fn main() {
    println!("build with `--features mujoco`: models are compiled by MuJoCo");
}

#[cfg(feature = "mujoco")]
fn main() {
    use wr2l_lanes::{Compiled, Contacts, Model};
    for path in std::env::args().skip(1) {
        let compiled = match mujoco_rs::prelude::MjModel::from_xml(&path) {
            Ok(source) => Compiled::from_mujoco(&source),
            Err(error) => {
                println!("{path}: {error}");
                continue;
            }
        };
        for contacts in [Contacts::All, Contacts::FloorOnly] {
            let model = compiled.clone().map_err(|refusal| refusal.to_string());
            let model =
                model.and_then(|model| Model::new(model, contacts).map_err(|error| error.to_string()));
            match model {
                Ok(model) => println!("{path} {contacts:?}: moves, {} pairs left out", model.left_out()),
                Err(error) => println!("{path} {contacts:?}: {error}"),
            }
        }
    }
}
