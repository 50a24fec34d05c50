// A photo as a telephone takes it.

/** A JPEG drawn in `page`, with `place` written into its EXIF as a camera writes where it was: for `setInputFiles`. */
export async function photograph(page, { place = '', width = 1600, height = 1200 } = {}) {
  const base64 = await page.evaluate(([wide, high]) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [wide, high];
    const draw = canvas.getContext('2d');
    draw.fillStyle = '#d8a58a';
    draw.fillRect(0, 0, wide, high);
    draw.fillStyle = '#8c2f2b';
    draw.beginPath();
    draw.ellipse(wide / 2, high / 2, wide / 9, high / 6, 0.4, 0, 7);
    draw.fill();
    return canvas.toDataURL('image/jpeg', 0.9).split(',')[1];
  }, [width, height]);
  const jpeg = Buffer.from(base64, 'base64');
  // TIFF, big endian, one entry: ImageDescription (0x010e, ASCII) at offset 26.
  const text = Buffer.from(`${place}\0`);
  const tiff = Buffer.alloc(26);
  tiff.write('MM\0*', 0, 'latin1');
  tiff.writeUInt32BE(8, 4);
  tiff.writeUInt16BE(1, 8);
  tiff.writeUInt16BE(0x010e, 10);
  tiff.writeUInt16BE(2, 12);
  tiff.writeUInt32BE(text.length, 14);
  tiff.writeUInt32BE(26, 18);
  const exif = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff, text]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(exif.length + 2, 2);
  const buffer = Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
  return { name: 'wound.jpg', mimeType: 'image/jpeg', buffer };
}
