//! Writes the folder of MPI's library into the program, so that it starts without `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo::rerun-if-env-changed=MPICC");
    // Where there is none, the crate `mpi` has said so.
    let Ok(library) = build_probe_mpi::probe() else { return };
    for folder in library.lib_paths {
        // `-Xlinker` and not `-Wl,`: a folder's name may contain a comma.
        for argument in ["-Xlinker", "-rpath", "-Xlinker", &folder.display().to_string()] {
            println!("cargo::rustc-link-arg={argument}");
        }
    }
}
