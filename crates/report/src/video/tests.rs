use std::ops::ControlFlow;
use std::path::Path;

use super::*;
use crate::figure::FigureError;
use crate::page::{PartKind, SolidDrawing, SolidPart};
use crate::pose::tests::two_links;

/// A robot of two links that walks for two seconds and nods, beside one that falls after half a second.
fn video() -> VideoFigure {
    let fps = 10;
    let frame = |k: u32, falls: bool| {
        let t = f64::from(k) / f64::from(fps);
        let down = if falls { (t - 0.5).max(0.0) } else { 0.0 };
        let seconds = if down > 0.0 { 0.5 } else { t };
        let pose = vec![1.5 * seconds, 1.6 - 0.4 * down, down, 0.3 * (6.0 * seconds).sin()];
        let ended = (down > 0.0).then(|| "fell at 0.5 s".to_owned());
        VideoFrame { pose, seconds, ret: 100.0 * seconds, ended }
    };
    let panel = |title: &str, color, falls| VideoPanel {
        title: title.into(),
        remark: "friction 0.7".into(),
        color,
        robot: RobotDrawing::Planar(two_links()),
        frames: (0..20).map(|k| frame(k, falls)).collect(),
    };
    let panels = vec![panel("walks", 0, false), panel("falls", 1, true)];
    VideoFigure { panels, columns: 2, width: 200, fps, view: None }
}

/// A box on a floor whose place is its pose.
fn cube(at: [f64; 3], turn: [f64; 4]) -> VideoFigure {
    let part =
        |body, at, kind| SolidPart { body, kind, size: [0.2, 0.1, 0.3], at, turn: [1.0, 0.0, 0.0, 0.0] };
    let parts = vec![part(Some(0), [0.0; 3], PartKind::Box), part(None, [2.0, 2.0, 0.1], PartKind::Cylinder)];
    let drawing = SolidDrawing { bodies: vec!["cube".into()], parts, floor: Some(0.0) };
    let pose = at.into_iter().chain(turn).collect();
    let frame = VideoFrame { pose, seconds: 0.0, ret: -0.2, ended: None };
    let panel = VideoPanel {
        title: "cube".into(),
        remark: String::new(),
        color: 0,
        robot: RobotDrawing::Solid(drawing),
        frames: vec![frame],
    };
    VideoFigure { panels: vec![panel], columns: 1, width: 200, fps: 25, view: None }
}

fn images(figure: &VideoFigure) -> Vec<Image> {
    figure.images().unwrap().collect()
}

/// Pixels of a panel (by column, of `width` pixels), between its lines of text, that have a robot's colour: blue, or the grey of one
/// whose episode is over.
fn robot(image: &Image, left: usize, width: usize) -> Vec<(usize, usize)> {
    let rows = 38..image.height() - 20;
    let is_robot = |&(x, y): &(usize, usize)| {
        let [r, g, b] = image.colors()[y * image.width() + x].map(i32::from);
        (b - r).abs() > 40 || (r < 130 && g < 130)
    };
    rows.flat_map(|y| (left..left + width).map(move |x| (x, y))).filter(is_robot).collect()
}

#[test]
fn panels_stand_side_by_side_and_the_robot_is_in_the_picture_all_the_time() {
    let figure = video();
    let all = images(&figure);
    assert_eq!(all.len(), 20);
    for (number, image) in all.iter().enumerate() {
        assert_eq!((image.width(), image.height()), (404, 150));
        for left in [0, 204] {
            let seen = robot(image, left, 200);
            assert!(seen.len() > 150, "{number} {left}: {}", seen.len());
            assert!(seen.iter().all(|(x, _)| (left + 4..left + 196).contains(x)), "{number}: it is cut");
            assert!(seen.iter().all(|(_, y)| (39..image.height() - 21).contains(y)), "{number}: it is cut");
        }
    }
}

#[test]
fn what_moves_moves_on_the_picture_and_what_has_ended_is_grey() {
    let all = images(&video());
    let panel = |image: &Image, left: usize| -> Vec<[u8; 3]> {
        let rows = image.colors().chunks_exact(image.width()).skip(38).take(90);
        rows.flat_map(|row| row[left..left + 200].to_vec()).collect()
    };
    for pair in all.windows(2) {
        assert_ne!(panel(&pair[0], 0), panel(&pair[1], 0));
    }
    let reddish =
        |image: &Image| panel(image, 204).iter().filter(|c| i32::from(c[0]) - i32::from(c[2]) > 60).count();
    assert!(reddish(&all[3]) > 100 && reddish(&all[19]) == 0);
    // Fallen: wider than it is high.
    let size = |image: &Image| {
        let seen = robot(image, 204, 200);
        let span = |of: fn(&(usize, usize)) -> usize| {
            seen.iter().map(of).max().unwrap() - seen.iter().map(of).min().unwrap()
        };
        (span(|p| p.0), span(|p| p.1))
    };
    let (standing, fallen) = (size(&all[0]), size(&all[19]));
    assert!(standing.1 > 2 * standing.0 && fallen.0 > standing.0, "{standing:?} {fallen:?}");
}

#[test]
fn the_words_are_there_and_change() {
    let figure = video();
    let drawn = |change: fn(&mut VideoFigure)| {
        let mut figure = figure.clone();
        change(&mut figure);
        images(&figure).swap_remove(9)
    };
    let usual = drawn(|_| {});
    assert_ne!(usual, drawn(|figure| figure.panels[0].title = "sings".into()));
    assert_ne!(usual, drawn(|figure| figure.panels[0].remark = "friction 0.8".into()));
    assert_ne!(usual, drawn(|figure| figure.panels[0].frames[9].ret += 1.0));
    assert_ne!(usual, drawn(|figure| figure.panels[0].frames[9].seconds += 0.01));
    assert_ne!(usual, drawn(|figure| figure.panels[1].frames[9].ended = Some("fell at 0.6 s".into())));
}

#[test]
fn a_solid_is_followed_wherever_it_goes_and_however_it_turns() {
    let count = |figure: &VideoFigure| robot(&images(figure)[0], 0, 200).len();
    let here = count(&cube([0.0, 0.0, 0.3], [1.0, 0.0, 0.0, 0.0]));
    assert!(here > 1000, "{here}");
    // The same squares below: ten metres are whole ones.
    assert!(here.abs_diff(count(&cube([10.0, -20.0, 0.3], [1.0, 0.0, 0.0, 0.0]))) < 5);
    assert_ne!(here, count(&cube([0.0, 0.0, 0.3], [0.7, 0.0, 0.0, 0.7])));
    for view in ["front", "side", "above", "30,-20"] {
        let figure =
            VideoFigure { view: Some(view.parse().unwrap()), ..cube([5.0, 1.0, 2.0], [0.5, 0.5, -0.5, 0.5]) };
        assert!(count(&figure) > 1000, "{view}");
    }
    // From in front it shows its narrow side, 0.1 m wide, from the side the one of 0.2 m.
    let wide = |view: &str| {
        let figure =
            VideoFigure { view: Some(view.parse().unwrap()), ..cube([0.0, 0.0, 0.3], [1.0, 0.0, 0.0, 0.0]) };
        let seen = robot(&images(&figure)[0], 0, 200);
        let (low, high) = (seen.iter().map(|p| p.0).min().unwrap(), seen.iter().map(|p| p.0).max().unwrap());
        high - low
    };
    assert!(wide("side") > wide("front") + 20);
}

fn written(figure: &VideoFigure, path: &Path, format: VideoFormat) -> Result<(), FigureError> {
    figure.write(path, format, &mut |_| ControlFlow::Continue(()))
}

/// The pictures of a GIF as a program shows them, in its palette's numbers, and hundredths of a second for each.
fn played(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u16>, Vec<u8>) {
    let mut decoder = gif::DecodeOptions::new().read_info(bytes).unwrap();
    let palette = decoder.global_palette().unwrap().to_vec();
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let mut screen = vec![0; width * height];
    let (mut screens, mut delays) = (Vec::new(), Vec::new());
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let (left, top, wide) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
        for (at, &number) in frame.buffer.iter().enumerate() {
            if frame.transparent != Some(number) {
                screen[(top + at / wide) * width + left + at % wide] = number;
            }
        }
        screens.push(screen.clone());
        delays.push(frame.delay);
    }
    (screens, delays, palette)
}

#[test]
fn a_gif_shows_the_pictures_in_their_time_and_is_the_same_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let figure = video();
    let [a, b] = ["a.gif", "b.gif"].map(|name| folder.path().join(name));
    written(&figure, &a, VideoFormat::Gif).unwrap();
    written(&figure, &b, VideoFormat::Gif).unwrap();
    let bytes = std::fs::read(&a).unwrap();
    assert_eq!(bytes, std::fs::read(&b).unwrap());
    let (screens, delays, palette) = played(&bytes);
    assert_eq!(delays, [10; 20]);
    for (number, (screen, image)) in screens.iter().zip(images(&figure)).enumerate() {
        let off: Vec<i32> = screen
            .iter()
            .zip(image.colors())
            .map(|(&number, color)| {
                let shown = &palette[3 * usize::from(number)..][..3];
                shown.iter().zip(color).map(|(a, b)| i32::from(a.abs_diff(*b))).max().unwrap()
            })
            .collect();
        // Letters have many colours: what is not flat is near, what is flat is the same.
        let same = off.iter().filter(|off| **off == 0).count() as f64 / off.len() as f64;
        assert!(same > 0.95 && off.iter().all(|off| *off < 48), "{number}: {same} {:?}", off.iter().max());
    }
    // Far less than a byte a pixel.
    assert!(bytes.len() < 404 * 150 * 20 / 8, "{}", bytes.len());
}

#[test]
fn pictures_are_numbered_and_take_the_place_of_earlier_ones_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames");
    let figure = video();
    written(&figure, &path, VideoFormat::Frames).unwrap();
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let expected: Vec<String> = (0..20).map(|k| format!("frame-{k:04}.png")).collect();
    assert_eq!(names(), expected);
    let decoder =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path.join("frame-0007.png")).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!(pixels, images(&figure)[7].pixels());

    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let mut shorter = figure;
    shorter.panels.iter_mut().for_each(|panel| panel.frames.truncate(3));
    written(&shorter, &path, VideoFormat::Frames).unwrap();
    assert_eq!(names(), ["frame-0000.png", "frame-0001.png", "frame-0002.png", "notes.txt"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn whoever_stops_it_finds_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.gif", VideoFormat::Gif), ("frames", VideoFormat::Frames)] {
        let mut shares = Vec::new();
        let mut stop = |share: f64| {
            shares.push(share);
            if share >= 0.5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let error = video().write(&folder.path().join(name), format, &mut stop).unwrap_err();
        assert!(matches!(error, FigureError::Interrupted), "{error}");
        assert!(shares.is_sorted() && shares.last() == Some(&0.5), "{shares:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
    }
    let nowhere = folder.path().join("missing/a.gif");
    assert!(matches!(written(&video(), &nowhere, VideoFormat::Gif), Err(FigureError::Io { .. })));
    let nowhere = folder.path().join("missing/frames");
    assert!(matches!(written(&video(), &nowhere, VideoFormat::Frames), Err(FigureError::Io { .. })));
}

#[test]
fn what_cannot_be_shown_is_refused_with_a_reason() {
    let refused = |change: &dyn Fn(&mut VideoFigure), words: &str| {
        let mut figure = video();
        change(&mut figure);
        let error = figure.images().err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&|figure| figure.panels.clear(), "without a panel");
    refused(&|figure| figure.panels.iter_mut().for_each(|panel| panel.frames.clear()), "without a frame");
    refused(&|figure| figure.panels[1].frames.truncate(3), "another number of frames");
    refused(&|figure| figure.panels[1].frames[2].pose[1] = f64::NAN, "falls: a position is not finite");
    refused(&|figure| figure.panels[1].frames[2].pose[1] = 1e13, "outside");
    refused(&|figure| figure.panels[0].frames[19].pose.truncate(3), "too few positions");
    refused(&|figure| figure.width = 100, "160 to 1920");
    refused(&|figure| figure.columns = 0, "no column");
    let many = |figure: &mut VideoFigure| {
        (figure.panels, figure.columns, figure.width) = (vec![figure.panels[0].clone(); 6], 6, 1920);
    };
    refused(&many, "11540 pixels");
}
