import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { sha256 } from '../core/canonical.ts';

/**
 * Gzip leaves bits that its own checksum does not cover (times and systems in the header, the filling of the last byte). Here the
 * header is always the same, and its comment holds the SHA-256 of all that follows, so that no byte can be edited without being
 * noticed. Every gzip program reads it.
 */
const header = Buffer.from([0x1f, 0x8b, 0x08, 0x10, 0, 0, 0, 0, 0, 0xff]);
const plainHeaderBytes = 10;
const hashLength = 64;
const sealBytes = hashLength + 1;

export async function sealedGzip(text: string): Promise<Buffer> {
  const payload = (await promisify(gzip)(text)).subarray(plainHeaderBytes);
  return Buffer.concat([header, Buffer.from(`${sha256(payload)}\0`, 'latin1'), payload]);
}

/** The content; throws when anything was changed. Plain gzip, as older runs have it, is read as far as its own checksum vouches for it. */
export function openSealedGzip(file: Buffer): Buffer {
  const flags = file[3];
  if (flags !== 0) {
    const payload = file.subarray(header.length + sealBytes);
    const seal = file.subarray(header.length, header.length + sealBytes).toString('latin1');
    if (!file.subarray(0, header.length).equals(header) || seal !== `${sha256(payload)}\0`) {
      throw new Error('the compressed bytes are not those that were written');
    }
  }
  return gunzipSync(file);
}
