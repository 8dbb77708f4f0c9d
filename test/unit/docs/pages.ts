import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

export interface Page {
  /** Path in the repository, as in docs/gates.md. */
  path: string;
  text: string;
  /** The text without its code blocks. */
  prose: string;
  /** Code blocks in TypeScript. */
  typescript: string[];
  /** Lines of the code blocks, comments of shells left out. */
  codeLines: string[];
}

/** README.md and all pages of docs/. */
export async function readPages(): Promise<Page[]> {
  const files = (await readdir(join(root, 'docs'))).filter((file) => file.endsWith('.md'));
  return Promise.all(
    ['README.md', ...files.map((file) => `docs/${file}`)].map(async (path) => {
      const text = await readFile(join(root, path), 'utf8');
      const blocks = [...text.matchAll(/^```[^\n]*\n(.*?)^```$/gms)].map(([, block = '']) => block);
      const codeLines = blocks.flatMap((block) => block.split('\n')).map((line) => line.replace(/\s+# .*$/, ''));
      const typescript = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => block);
      return { path, text, typescript, prose: text.replace(/^```.*?^```$/gms, ''), codeLines };
    }),
  );
}

/** Commands of Seatrial that a page shows: in code blocks at the start of a line, in prose as inline code. Each as its words. */
export function commandsOf({ codeLines, prose }: Page): string[][] {
  // Spans in double backticks are messages, which hold backticks themselves.
  const inline = [...prose.replaceAll(/``.*?``/g, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  const lines = [...codeLines.map((line) => line.replace(/^\$ /, '')), ...inline];
  return lines.flatMap((line) => {
    const [, words] = /^(?:eval "\$\()?(?:npx )?seatrial ([a-z<-].*?)(?:\)")?$/.exec(line.trim()) ?? [];
    return words === undefined ? [] : [words.split(/\s+/)];
  });
}

/** Headings of a page as the anchors that lead to them. */
export function anchorsOf({ prose }: Pick<Page, 'prose'>): string[] {
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
}
