//! A video as a folder of pictures.

use std::fs;
use std::io;
use std::path::Path;

use super::image::Image;

/// Whether a file is a picture that an earlier call may have written: `frame-0000.png`.
fn is_frame(name: &str) -> bool {
    let number = name.strip_prefix("frame-").and_then(|rest| rest.strip_suffix(".png"));
    number.is_some_and(|number| number.len() >= 4 && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn name(number: usize) -> String {
    format!("frame-{number:04}.png")
}

/// The bytes of a picture's file.
fn encode(image: &Image) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width() as u32, image.height() as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(image.pixels())?;
    Ok(bytes)
}

/// A folder that takes its place when it is whole; dropped before that, it leaves nothing.
pub(crate) struct NewFolder {
    folder: tempfile::TempDir,
    count: usize,
}

impl NewFolder {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let beside = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".tmp");
        // Temporary folders are private by default; results should be as readable as any folder the user makes.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        Ok(Self { folder: builder.tempdir_in(beside)?, count: 0 })
    }

    pub(crate) fn add(&mut self, image: &Image) -> io::Result<()> {
        fs::write(self.folder.path().join(name(self.count)), encode(image)?)?;
        self.count += 1;
        Ok(())
    }

    /// Puts the pictures into the folder at `path`, in place of those of an earlier video; what else is there stays.
    pub(crate) fn finish(self, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            return fs::rename(self.folder.keep(), path);
        }
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_frame) {
                fs::remove_file(entry.path())?;
            }
        }
        (0..self.count)
            .map(name)
            .try_for_each(|name| fs::rename(self.folder.path().join(&name), path.join(&name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_of_an_earlier_video_are_replaced() {
        assert!(is_frame(&name(0)) && is_frame(&name(12_345)));
        for other in
            ["frame-1.png", "frame-0001.jpg", "frame-00a1.png", "xframe-0001.png", "frame-.png", "notes.txt"]
        {
            assert!(!is_frame(other), "{other}");
        }
    }
}
