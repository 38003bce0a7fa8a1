//! `wr2l film`: a strip a policy, how its episode went, and every way to ask for one wrongly.

mod common;

use common::Folder;

fn train(folder: &Folder, task: &str, run: &str, options: &str) {
    folder.done(&format!(
        "train {task} --algorithm ppo --steps 2048 --set ppo.lanes=8 --set ppo.horizon=256 --no-report --quiet -o {run} {options}"
    ));
}

#[test]
fn a_fall_is_told_and_drawn_in_grey_and_strips_of_one_run_are_alike() {
    let folder = Folder::new();
    train(&folder, "hopper", "first", "");
    train(&folder, "hopper", "second", "--seed 1");
    folder.done("film first second --phi torso_density=2500,friction=0.7 --seconds 2 --frames 9 -o film.svg");
    let film = folder.read("film.svg");
    for text in ["first", "second", "ends after", "torso density 2500", "friction 0.7", "0.25 s"] {
        assert!(film.contains(text), "{text}");
    }
    // An untrained Hopper falls within two seconds, and is shown for a little longer.
    assert!(film.lines().any(|line| line.contains("<polygon") && line.contains("fill=\"#5F5F5F\"")));
    folder
        .done("film first second --phi torso_density=2500,friction=0.7 --seconds 2 --frames 9 -o again.svg");
    assert_eq!(film, folder.read("again.svg"));
    // The remark is the episode's: how much of it is shown does not change it.
    let ends = |svg: &str| -> Vec<String> {
        svg.lines().filter(|line| line.contains("ends after")).map(str::to_owned).collect()
    };
    folder.done(
        "film first second --phi torso_density=2500,friction=0.7 --seconds 0.1 --frames 2 -o short.svg",
    );
    assert_eq!(ends(&film), ends(&folder.read("short.svg")));
    assert_ne!(ends(&film)[0], ends(&film)[1], "two policies, two episodes");
}

#[test]
fn a_cart_is_drawn_too_and_what_makes_no_film_is_refused() {
    let folder = Folder::new();
    train(&folder, "cartpole", "cart", "");
    folder.done("film cart --seconds 0.5 --frames 4 --phi pole_half_length=1 -o cart.svg");
    assert!(folder.read("cart.svg").contains("cartpole under pole half length 1"));
    folder.refused("film cart -o cart.svg", 2, &["cart.svg"]);
    folder.refused("film cart --seconds 0 -o a.svg", 2, &["--seconds 0"]);
    folder.refused("film cart --seconds 1e9 -o a.svg", 2, &["whole episode"]);
    folder.refused("film cart --frames 1 -o a.svg", 2, &["frames"]);
    folder.refused("film cart --phi frixion=1 -o a.svg", 2, &["frixion"]);
    folder.refused("film cart --phi gravity=-1 -o a.svg", 2, &["gravity"]);
    folder.refused("film nothing -o a.svg", 1, &["nothing"]);
    train(&folder, "hopper", "hopper", "");
    folder.refused("film cart hopper -o a.svg", 2, &["hopper"]);
}
