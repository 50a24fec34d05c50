//! A small ZIP writer: enough for a copy of a record (APPNOTE 6.3.10: local headers, a central directory, deflate; no file
//! beyond 4 GiB, names in UTF-8).

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Files written one after the other.
#[derive(Default)]
pub struct Zip {
    out: Vec<u8>,
    central: Vec<u8>,
    files: u16,
}

/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const DEFLATE: u16 = 8;
/// 1 January 1980: no time of making is given away by the archive; it stands in the files.
const DATE: u16 = 0x21;

impl Zip {
    /// Adds a file. `name` has no leading slash and no `..`.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let too_large = || std::io::Error::other("the copy is larger than a ZIP file holds");
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes)?;
        let packed = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(bytes);
        let offset = u32::try_from(self.out.len()).map_err(|_| too_large())?;
        let (packed_len, plain_len) = (
            u32::try_from(packed.len()).map_err(|_| too_large())?,
            u32::try_from(bytes.len()).map_err(|_| too_large())?,
        );
        let name_len = u16::try_from(name.len()).map_err(|_| too_large())?;
        let mut common = Vec::with_capacity(26);
        for field in [20, UTF8, DEFLATE, 0, DATE] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc.sum(), packed_len, plain_len] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&name_len.to_le_bytes());
        common.extend_from_slice(&0u16.to_le_bytes());
        self.out.extend_from_slice(b"PK\x03\x04");
        self.out.extend_from_slice(&common);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(&packed);
        self.central.extend_from_slice(b"PK\x01\x02");
        self.central.extend_from_slice(&20u16.to_le_bytes());
        self.central.extend_from_slice(&common);
        // Comment length, disk, internal attributes; external attributes.
        self.central.extend_from_slice(&[0; 10]);
        self.central.extend_from_slice(&offset.to_le_bytes());
        self.central.extend_from_slice(name.as_bytes());
        self.files = self.files.checked_add(1).ok_or_else(too_large)?;
        Ok(())
    }

    /// The archive.
    pub fn finish(mut self) -> std::io::Result<Vec<u8>> {
        let too_large = |_| std::io::Error::other("the copy is larger than a ZIP file holds");
        let offset = u32::try_from(self.out.len()).map_err(too_large)?;
        let size = u32::try_from(self.central.len()).map_err(too_large)?;
        self.out.append(&mut self.central);
        self.out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.out.extend_from_slice(&self.files.to_le_bytes());
        self.out.extend_from_slice(&self.files.to_le_bytes());
        self.out.extend_from_slice(&size.to_le_bytes());
        self.out.extend_from_slice(&offset.to_le_bytes());
        self.out.extend_from_slice(&0u16.to_le_bytes());
        Ok(self.out)
    }
}
