//! Draws every kind of figure from made-up numbers into a folder, to look at:
//! `cargo run -p wr2l-report --example gallery -- FOLDER`.

use std::path::PathBuf;

use wr2l_report::{
    Band, FigureError, HeatMapFigure, LearningRun, LineFigure, Marks, Panel, Quantity, Series,
    learning_figure,
};

const METHODS: [&str; 6] =
    ["PPO", "PPO, uniform in the ball", "PPO, random boundary", "WR²L", "RARL", "EPOpt"];

fn wave(k: f64) -> f64 {
    (12.9898 * k).sin() * 0.5 + (78.233 * k).cos() * 0.5
}

fn sweep(methods: usize) -> LineFigure {
    let x: Vec<f64> = (0..28).map(|i| 0.3 + 0.1 * f64::from(i)).collect();
    let series = (0..methods)
        .map(|m| {
            let width = 0.35 + 0.25 * m as f64;
            let value =
                |x: f64| 1000.0 / (1.0 + ((x - 1.1).abs() / width).powi(4)) + 15.0 * wave(x + m as f64);
            let y: Vec<f64> = x.iter().map(|&x| value(x).max(8.0)).collect();
            let band = y
                .iter()
                .zip(&x)
                .map(|(y, x)| (y - 40.0 * wave(*x).abs(), y + 40.0 * wave(*x).abs()))
                .collect();
            Series { name: METHODS[m % 6].into(), x: x.clone(), y, band }
        })
        .collect();
    LineFigure {
        title: String::new(),
        x: Quantity::parameter("pole_length", "m", 0.6),
        y: Quantity::new("mean return"),
        series,
        note: "mean of 3 seeds; band: ± standard error over seeds".into(),
        marks: Marks::MarkedLines,
    }
}

fn heat_maps(panels: usize) -> HeatMapFigure {
    let x_values: Vec<f64> = (0..11).map(|i| 500.0 + 250.0 * f64::from(i)).collect();
    let y_values: Vec<f64> = (0..11).map(|i| 0.5 + 0.25 * f64::from(i)).collect();
    let panel = |m: usize| {
        let mut values = Vec::new();
        for y in &y_values {
            for x in &x_values {
                let width = 0.4 + 0.2 * m as f64;
                let distance = ((x - 1000.0) / 1000.0 / width).powi(2) + ((y - 2.0) / 2.0 / width).powi(2);
                values.push(300.0 + 2900.0 * (-distance).exp() + 60.0 * wave(x + 7.0 * y + m as f64));
            }
        }
        if m == 1 {
            values[10] = f64::NAN;
            values[21] = f64::NAN;
        }
        Panel { title: METHODS[m % 6].into(), values }
    };
    let panels = (0..panels).map(panel).collect();
    let angle = |k: i32| f64::from(k) / 72.0 * std::f64::consts::TAU;
    let outline = (0..72).map(|k| {
        let (s, c) = angle(k).sin_cos();
        (1000.0 * (1.0 + 0.63 * c + 0.1 * s), 2.0 * (1.0 + 0.5 * s))
    });
    HeatMapFigure {
        x: Quantity::parameter("torso_density", "kg/m³", 1000.0),
        y: Quantity::parameter("friction", "1", 2.0),
        x_values,
        y_values,
        value_label: "mean return".into(),
        panels,
        scale: None,
        outline: outline.collect(),
        note: "hopper (planar), 20 episodes per system".into(),
    }
}

fn learning() -> Result<LineFigure, FigureError> {
    let mut runs = Vec::new();
    for (m, method) in METHODS[..4].iter().enumerate() {
        for seed in 0..3 {
            let end = 2400.0 - 250.0 * m as f64 + 200.0 * f64::from(seed);
            let points = (0..240)
                .map(|i| {
                    let steps = 4096.0 * f64::from(i + 1);
                    let noise = 120.0 * wave(f64::from(i) + 10.0 * f64::from(seed) + m as f64);
                    (steps, 20.0 + (end + noise) * (1.0 - (-steps / 3e5).exp()))
                })
                .collect();
            runs.push(LearningRun { method: (*method).into(), points });
        }
    }
    learning_figure(&runs, Quantity::new("training return"), Band::StandardError)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: gallery FOLDER")?);
    sweep(4).write(&folder.join("sweep.svg"))?;
    sweep(9).write(&folder.join("sweep-many.svg"))?;
    let mut gaps = sweep(2);
    for k in [3, 4, 12] {
        gaps.series[1].y[k] = f64::NAN;
        gaps.series[1].band[k] = (f64::NAN, f64::NAN);
    }
    gaps.title = "Inverted pendulum".into();
    gaps.write(&folder.join("sweep-gaps.svg"))?;
    let mut point = sweep(2);
    for series in &mut point.series {
        series.x.truncate(1);
        series.y.truncate(1);
        series.band.truncate(1);
    }
    point.write(&folder.join("sweep-point.svg"))?;
    let mut long = heat_maps(3);
    long.x = Quantity::parameter("left_thigh_joint_damping", "N·m·s/rad", 1000.0);
    long.panels[2].title = "an unusually long name of a method".into();
    for value in long.panels.iter_mut().flat_map(|panel| &mut panel.values) {
        *value *= -20.0;
    }
    long.write(&folder.join("heat-map-long.svg"))?;
    for panels in [1, 2, 4, 6] {
        heat_maps(panels).write(&folder.join(format!("heat-map-{panels}.svg")))?;
    }
    learning()?.write(&folder.join("learning.svg"))?;
    Ok(())
}
