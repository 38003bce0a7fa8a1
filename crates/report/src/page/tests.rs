use wr2l_eval::{Episode, Provenance, Training};

use super::*;

fn table(method: &str, means: &[f64]) -> Table {
    let episode = |ret: f64| Episode { ret, length: 9, forward: 0.0, still: None, diverged: ret.is_nan() };
    let row = |(i, &ret): (usize, &f64)| Row::new(vec![i as f64], &[episode(ret), episode(ret)]);
    Table {
        provenance: Provenance {
            task: "hopper".into(),
            physics: "planar".into(),
            method: method.into(),
            policy: "</script><b>".into(),
            training: Training::default(),
            seed: 0,
            stochastic: false,
            systems: "grid".into(),
        },
        parameters: vec!["friction".into()],
        nominal: None,
        rows: means.iter().enumerate().map(row).collect(),
    }
}

#[test]
fn the_page_is_one_file_whatever_its_texts_hold() {
    let tables = [table("ppo", &[1.0, 2.0, f64::NAN]), table("wr2l", &[3.0, 4.0, 5.0])];
    let set = SystemSet::new("friction".into(), &tables, vec![(1.0 / 3.0, 2.0)]).unwrap();
    let methods = vec!["ppo".into(), "wr2l".into()];
    let page = Page { title: "<!--".into(), methods, sets: vec![set], ..Page::default() };
    let html = page.to_html().unwrap();
    assert_eq!(html, page.to_html().unwrap());
    assert_eq!(html.matches("</script>").count(), 2, "that of the data and that of the program");
    assert!(!html.contains("NaN,") && !html.contains("/*DATA*/"));
    for outside in ["http://", "https://", "src=", "@import", "url(http", "fetch("] {
        let own = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains(outside), "{outside}");
    }
}

#[test]
fn profiles_leave_out_methods_without_a_value_somewhere() {
    let tables = [table("ppo", &[1.0, f64::NAN]), table("wr2l", &[3.0, 4.0])];
    let profile = Profile::new(&tables).unwrap();
    assert_eq!(profile.methods.iter().map(|m| m.method.as_str()).collect::<Vec<_>>(), ["wr2l"]);
    assert_eq!((profile.methods[0].share[0][0], profile.methods[0].share[THRESHOLDS - 1][0]), (1.0, 0.0));
    assert!(Profile::new(&[table("ppo", &[1.0])]).is_none());
}

#[test]
fn tables_over_other_systems_are_refused_unless_they_are_each_policys_worst() {
    let mut tables = [table("ppo", &[1.0]), table("wr2l", &[1.0, 2.0])];
    assert!(SystemSet::new("x".into(), &tables, Vec::new()).is_err());
    for table in &mut tables {
        table.provenance.systems = "worst in ball".into();
    }
    assert!(SystemSet::new("x".into(), &tables, Vec::new()).unwrap().worst);
    // What else the second policy's search found has no part in its numbers, though it is lower.
    tables[1].rows.reverse();
    let set = SystemSet::new("x".into(), &tables, Vec::new()).unwrap();
    assert_eq!(set.summary.rows[1][3..7], ["2.0", "2.0", "2.0", "2.0"]);
    assert!(set.note.starts_with("the worst system found for each policy (worst in ball)"), "{}", set.note);
    assert!(SystemSet::new("x".into(), &[], Vec::new()).is_err());
}

#[test]
fn what_adversaries_chose_is_written_in_six_digits() {
    let path = AdversaryPath {
        policy: "a".into(),
        parameters: vec!["x".into(), "y".into()],
        steps: vec![0.0],
        z: vec![vec![-1.0 / 3.0, f64::NAN]],
        outline: Vec::new(),
    };
    let text = serde_json::to_string(&path).unwrap();
    assert!(text.contains("\"z\":[[-0.333333,null]]"), "{text}");
}

#[test]
fn frames_are_packed_to_sixteen_bits() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
    let episode = ReplayEpisode::new((0, 1), (2.0, 3, "fell".into()), &[1.0, 0.0, 3.0, 0.0], 2);
    assert_eq!((episode.low.clone(), episode.high.clone()), (vec![1.0, 0.0], vec![3.0, 0.0]));
    assert_eq!(episode.data, base64(&[0, 0, 0, 0, 255, 255, 0, 0]));
}
