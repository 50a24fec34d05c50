//! Photos people send: checked, turned the right way up, made smaller, and stripped of everything but the picture.
//!
//! What comes in is untrusted: its name and its declared type are never believed, only its bytes. What goes into the
//! record is always a JPEG that we wrote ourselves, so no place, device, thumbnail or hidden payload comes with it.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use tokio::sync::Semaphore;

/// The largest upload taken, in bytes.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// The longest side taken, in pixels.
pub const MAX_SIDE_IN: u32 = 12_000;
/// The most pixels taken. Phones reach 50 million; a small file that claims more is a decompression bomb.
pub const MAX_PIXELS_IN: u64 = 64_000_000;
/// The long side of what is kept, in pixels: enough to see a wound well, small enough to open at once.
pub const MAX_SIDE_OUT: u32 = 1_600;
/// What a decoder may allocate, in bytes: `MAX_PIXELS_IN` at four bytes a pixel and a little over.
const MAX_ALLOC: u64 = 288 * 1024 * 1024;
/// JPEG quality (1 to 100) of what is kept.
const QUALITY: u8 = 85;

/// At most this many photos are decoded at once, which bounds the memory photos can take.
static DECODERS: Semaphore = Semaphore::const_new(2);

/// A picture we wrote ourselves: upright, at most [`MAX_SIDE_OUT`] a side, without metadata.
#[derive(Clone, PartialEq, Eq)]
pub struct Jpeg {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
}

impl std::fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jpeg({} x {}, {} bytes)", self.width, self.height, self.bytes.len())
    }
}

impl Jpeg {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }
}

/// Why a photo was not taken. The text is shown to the person who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    #[error("The file is empty. Choose a photo and try again.")]
    Empty,
    #[error("The photo is too big. Choose one smaller than 10 MB.")]
    TooManyBytes,
    #[error("The photo has too many pixels. Choose a smaller one, or take it again with your camera's normal setting.")]
    TooManyPixels,
    #[error(
        "This photo is in Apple's HEIC format, which we cannot read yet. On your iPhone choose Settings, Camera, \
         Formats, Most Compatible and take it again, or send a screenshot of the photo."
    )]
    Heic,
    #[error("We cannot read this kind of file. Choose a photo that is a JPEG, PNG, WebP or GIF.")]
    NotAPhoto,
    #[error("The photo is damaged and we cannot read it. Take it again and try once more.")]
    Damaged,
    #[error("We could not look at the photo just now. Try again in a minute.")]
    Unavailable,
}

/// Reads any photo we take and writes it anew as a [`Jpeg`].
///
/// `declared_type` is what the sender's browser said; it only helps to choose the right words when the bytes cannot be
/// read. Slow (up to a second for the largest photo): call [`accept_async`] from async code.
pub fn accept(bytes: &[u8], declared_type: &str) -> Result<Jpeg, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Empty);
    }
    if bytes.len() > MAX_BYTES {
        return Err(PhotoError::TooManyBytes);
    }
    let format = kind(bytes, declared_type)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE_IN);
    limits.max_image_height = Some(MAX_SIDE_IN);
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| refusal(&e))?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE_IN || height > MAX_SIDE_IN || u64::from(width) * u64::from(height) > MAX_PIXELS_IN {
        return Err(PhotoError::TooManyPixels);
    }
    if width == 0 || height == 0 {
        return Err(PhotoError::Damaged);
    }
    // A broken orientation tag must not cost anybody their photo: it is shown as it lies.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| refusal(&e))?;
    if width.max(height) > MAX_SIDE_OUT {
        picture = picture.resize(MAX_SIDE_OUT, MAX_SIDE_OUT, FilterType::CatmullRom);
    }
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    let picture = on_white(picture);
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, QUALITY).encode_image(&picture).map_err(|_| PhotoError::Damaged)?;
    Ok(Jpeg { bytes: out, width: picture.width(), height: picture.height() })
}

/// [`accept`] off the async runtime, a bounded number at a time.
pub async fn accept_async(bytes: Vec<u8>, declared_type: String) -> Result<Jpeg, PhotoError> {
    if bytes.len() > MAX_BYTES {
        return Err(PhotoError::TooManyBytes);
    }
    let _turn = DECODERS.acquire().await.map_err(|_| PhotoError::Unavailable)?;
    tokio::task::spawn_blocking(move || accept(&bytes, &declared_type)).await.map_err(|_| PhotoError::Damaged)?
}

/// The format by the first bytes alone.
fn kind(bytes: &[u8], declared_type: &str) -> Result<ImageFormat, PhotoError> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif)) => Ok(format),
        _ if is_heic(bytes) => Err(PhotoError::Heic),
        Err(_) if matches!(declared_type, "image/heic" | "image/heif") => Err(PhotoError::Heic),
        _ => Err(PhotoError::NotAPhoto),
    }
}

/// ISO base media file with a HEIF brand (ISO/IEC 23008-12, section 10).
fn is_heic(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
        && bytes.get(8..12).is_some_and(|brand| {
            matches!(brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1")
        })
}

fn refusal(error: &ImageError) -> PhotoError {
    match error {
        ImageError::Limits(_) => PhotoError::TooManyPixels,
        ImageError::Unsupported(_) => PhotoError::NotAPhoto,
        _ => PhotoError::Damaged,
    }
}

/// JPEG has no transparency: what was see-through becomes white, not black.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let from = picture.into_rgba8();
    RgbImage::from_fn(from.width(), from.height(), |x, y| {
        let [red, green, blue, alpha] = from.get_pixel(x, y).0;
        let over = |c: u8| {
            let alpha = u32::from(alpha);
            ((u32::from(c) * alpha + 255 * (255 - alpha)) / 255) as u8
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    /// Left half red, right half blue.
    fn halves(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, _| image::Rgb(if x < width / 2 { [220, 20, 20] } else { [20, 20, 220] }))
            .into()
    }

    /// A TIFF body with orientation, camera make and a GPS latitude of 53 degrees north, in a JPEG APP1 segment.
    fn exif_segment(orientation: u8) -> Vec<u8> {
        let mut tiff: Vec<u8> = b"II\x2a\0\x08\0\0\0".to_vec();
        let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
            [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
        };
        // IFD0 at 8: three entries (2 + 3 * 12 + 4 = 42 bytes), so the GPS IFD is at 50.
        tiff.extend(3u16.to_le_bytes());
        tiff.extend(entry(0x010f, 2, 4, *b"KTH\0"));
        tiff.extend(entry(0x0112, 3, 1, [orientation, 0, 0, 0]));
        tiff.extend(entry(0x8825, 4, 1, 50u32.to_le_bytes()));
        tiff.extend(0u32.to_le_bytes());
        assert_eq!(tiff.len(), 50);
        // GPS IFD at 50: two entries (2 + 24 + 4 = 30 bytes), so the latitude's rationals are at 80.
        tiff.extend(2u16.to_le_bytes());
        tiff.extend(entry(0x0001, 2, 2, *b"N\0\0\0"));
        tiff.extend(entry(0x0002, 5, 3, 80u32.to_le_bytes()));
        tiff.extend(0u32.to_le_bytes());
        for (top, bottom) in [(53u32, 1u32), (29, 1), (4242, 100)] {
            tiff.extend(top.to_le_bytes());
            tiff.extend(bottom.to_le_bytes());
        }
        let length = u16::try_from(tiff.len() + 8).unwrap();
        [b"\xff\xe1", &length.to_be_bytes()[..], b"Exif\0\0", &tiff].concat()
    }

    fn jpeg_with_exif(orientation: u8) -> Vec<u8> {
        let plain = encoded(&halves(80, 40), ImageFormat::Jpeg);
        [&plain[..2], &exif_segment(orientation), &plain[2..]].concat()
    }

    fn contains(bytes: &[u8], needle: &[u8]) -> bool {
        bytes.windows(needle.len()).any(|w| w == needle)
    }

    #[test]
    fn where_a_photo_was_taken_never_reaches_the_record() {
        let sent = jpeg_with_exif(1);
        let rationals = [53u32.to_le_bytes(), 1u32.to_le_bytes()].concat();
        assert!(contains(&sent, b"Exif") && contains(&sent, &rationals) && contains(&sent, b"KTH\0"));
        let kept = accept(&sent, "image/jpeg").unwrap();
        assert!(!contains(kept.bytes(), b"Exif"));
        assert!(!contains(kept.bytes(), &rationals));
        assert!(!contains(kept.bytes(), b"KTH\0"));
        // No APP1 to APP15 and no comment segment at all.
        let mut at = 2;
        while kept.bytes()[at] == 0xff && kept.bytes()[at + 1] != 0xda {
            let marker = kept.bytes()[at + 1];
            assert!(!(0xe1..=0xef).contains(&marker) && marker != 0xfe, "segment {marker:x}");
            at += 2 + usize::from(u16::from_be_bytes([kept.bytes()[at + 2], kept.bytes()[at + 3]]));
        }
    }

    #[test]
    fn a_photo_taken_sideways_is_kept_upright() {
        // Orientation 6: turn 90 degrees clockwise to show. Left (red) goes to the top.
        let kept = accept(&jpeg_with_exif(6), "image/jpeg").unwrap();
        assert_eq!((kept.width(), kept.height()), (40, 80));
        let shown = image::load_from_memory(kept.bytes()).unwrap().into_rgb8();
        assert!(shown.get_pixel(20, 10).0[0] > 150, "the top is red");
        assert!(shown.get_pixel(20, 70).0[2] > 150, "the bottom is blue");
    }

    #[test]
    fn every_kind_we_promise_is_taken_by_its_content_whatever_it_is_called() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
            let picture = if format == ImageFormat::Gif || format == ImageFormat::WebP {
                DynamicImage::from(halves(50, 30).into_rgba8())
            } else {
                halves(50, 30)
            };
            let kept = accept(&encoded(&picture, format), "application/x-msdownload").unwrap();
            assert_eq!((kept.width(), kept.height()), (50, 30), "{format:?}");
            assert_eq!(image::guess_format(kept.bytes()).unwrap(), ImageFormat::Jpeg);
        }
    }

    #[test]
    fn a_large_photo_is_kept_at_1600_pixels_on_its_long_side() {
        let kept = accept(&encoded(&halves(400, 3200), ImageFormat::Jpeg), "image/jpeg").unwrap();
        assert_eq!((kept.width(), kept.height()), (200, 1600));
    }

    #[test]
    fn what_was_transparent_is_white() {
        let picture = DynamicImage::from(image::RgbaImage::from_pixel(16, 16, image::Rgba([0, 0, 0, 0])));
        let kept = accept(&encoded(&picture, ImageFormat::Png), "image/png").unwrap();
        let shown = image::load_from_memory(kept.bytes()).unwrap().into_rgb8();
        assert!(shown.get_pixel(8, 8).0.iter().all(|c| *c > 250));
    }

    /// A PNG header that claims any size at all, followed by nothing much.
    fn png_claiming(width: u32, height: u32) -> Vec<u8> {
        fn crc(bytes: &[u8]) -> u32 {
            !bytes.iter().fold(!0u32, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
            })
        }
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 6, 0, 0, 0]);
        let sum = crc(&header);
        [&b"\x89PNG\r\n\x1a\n"[..], &13u32.to_be_bytes(), &header, &sum.to_be_bytes(), &[0, 0, 0, 0], b"IDAT"].concat()
    }

    #[test]
    fn a_decompression_bomb_is_refused_before_it_is_unpacked() {
        for (width, height) in [(60_000, 60_000), (12_001, 10), (10, 12_001), (12_000, 12_000)] {
            assert_eq!(accept(&png_claiming(width, height), "image/png"), Err(PhotoError::TooManyPixels));
        }
        // Within the limits, but with nothing behind the header.
        assert_eq!(accept(&png_claiming(100, 100), "image/png"), Err(PhotoError::Damaged));
    }

    #[test]
    fn what_is_not_a_photo_gets_a_clear_answer() {
        assert_eq!(accept(b"", "image/png"), Err(PhotoError::Empty));
        assert_eq!(accept(&vec![0; MAX_BYTES + 1], "image/png"), Err(PhotoError::TooManyBytes));
        assert_eq!(accept(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/jpeg"), Err(PhotoError::Heic));
        assert_eq!(accept(b"not known", "image/heic"), Err(PhotoError::Heic));
        assert_eq!(accept(b"<svg onload=alert(1)>", "image/svg+xml"), Err(PhotoError::NotAPhoto));
        assert_eq!(accept(b"MZ\x90\0", "image/jpeg"), Err(PhotoError::NotAPhoto));
        let whole = encoded(&halves(80, 40), ImageFormat::Png);
        assert_eq!(accept(&whole[..whole.len() / 2], "image/png"), Err(PhotoError::Damaged));
        assert!(PhotoError::Heic.to_string().contains("Most Compatible"));
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let whole = jpeg_with_exif(6);
        for cut in (0..whole.len()).step_by(7) {
            let _ = accept(&whole[..cut], "image/jpeg");
            let mut bent = whole.clone();
            bent[cut] ^= 0x5a;
            let _ = accept(&bent, "image/jpeg");
        }
    }

    #[tokio::test]
    async fn photos_are_read_off_the_runtime() {
        let bytes = encoded(&halves(64, 64), ImageFormat::Png);
        let kept = accept_async(bytes, "image/png".to_owned()).await.unwrap();
        assert_eq!(kept.width(), 64);
    }
}
