import { pack } from 'tar-stream';
import type { UploadInput } from './inputs.ts';

/** A tar archive of the files that a program puts into a container, with paths from the root. Folders on the way are made. */
export async function uploadArchive(uploads: readonly UploadInput[]): Promise<Buffer> {
  const archive = pack();
  for (const upload of uploads) {
    const content = upload.contentBase64
      ? Buffer.from(upload.contentBase64, 'base64')
      : Buffer.from(upload.content ?? '');
    const mode = upload.permissions ? Number.parseInt(upload.permissions, 8) : upload.executable ? 0o744 : 0o644;
    archive.entry({ name: upload.file.replace(/^\/+/, ''), mode, mtime: new Date(0) }, content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
