//! What reading a robot takes. A test by itself, because the peak is that of the process.
#![cfg(all(feature = "mujoco", target_os = "linux"))]

use std::fmt::Write;

use wr2l_robot::RobotModel;

/// Points of the mesh.
const POINTS: usize = 300 * 300;

/// The largest memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}

/// A wavy sheet in Wavefront's format.
fn sheet() -> String {
    let side = POINTS.isqrt();
    let mut text = String::new();
    for (i, j) in (0..side).flat_map(|i| (0..side).map(move |j| (i, j))) {
        let [x, y] = [i, j].map(|k| k as f64 / side as f64);
        writeln!(text, "v {x} {y} {}", 0.1 * (20.0 * x).sin() * (20.0 * y).cos()).unwrap();
    }
    for (i, j) in (1..side).flat_map(|i| (1..side).map(move |j| (i, j))) {
        let at = |i: usize, j: usize| 1 + i * side + j;
        writeln!(text, "f {} {} {}", at(i - 1, j - 1), at(i, j - 1), at(i, j)).unwrap();
        writeln!(text, "f {} {} {}", at(i - 1, j - 1), at(i, j), at(i - 1, j)).unwrap();
    }
    text
}

#[test]
fn a_mesh_for_the_eye_is_compiled_once_and_not_kept_by_mujoco() {
    let folder = std::env::temp_dir().join(format!("wr2l-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("sheet.obj"), sheet()).unwrap();
    let text = r#"<mujoco><asset><mesh name="sheet" file="sheet.obj"/></asset>
        <worldbody><body><joint name="arm"/><inertial pos="0.1 0 0" mass="1" diaginertia="0.1 0.1 0.1"/>
        <geom type="mesh" mesh="sheet" contype="0" conaffinity="0"/></body></worldbody>
        <actuator><motor joint="arm"/></actuator></mujoco>"#;
    std::fs::write(folder.join("arm.xml"), text).unwrap();
    let before = peak();
    let robot = RobotModel::load(&folder.join("arm.xml")).unwrap();
    assert!(robot.to_bytes().len() < 100_000);
    let taken = (peak() - before) / POINTS;
    println!("{taken} bytes a point");
    // 1,800; with what MuJoCo keeps of files that it reads again 2,150, and by reading twice 3,250.
    assert!(taken < 2000, "{taken} bytes a point");
    std::fs::remove_dir_all(&folder).unwrap();
}
