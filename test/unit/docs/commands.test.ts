import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandsOf, readPages, root, type Page } from './pages.ts';

const pages = await readPages();
/** Help by command; '' is that of the program. */
const help = new Map<string, string>();

async function helpOf(command: string): Promise<string> {
  const args = [join(root, 'src/cli/main.ts'), ...(command === '' ? [] : [command]), '--help'];
  return (await execa(process.execPath, args, { cwd: root, env: { COLUMNS: '200' } })).stdout;
}

function commandNames(): string[] {
  const [, list = ''] = (help.get('') ?? '').split('Commands:\n');
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

beforeAll(async () => {
  help.set('', await helpOf(''));
  for (const name of commandNames()) if (name !== 'help') help.set(name, await helpOf(name));
});

const shown = pages.flatMap((page: Page) => commandsOf(page).map((words) => ({ page: page.path, words })));

describe('commands in the documents', () => {
  test('there are commands to check, and commands that they can be checked against', () => {
    expect(shown.filter(({ page }) => page === 'README.md').length).toBeGreaterThan(15);
    expect(commandNames()).toContain('run');
    expect(help.get('run')).toContain('--set');
  });

  test.each(shown.map(({ page, words }) => [words.join(' '), page, words] as const))(
    'seatrial %s, shown in %s, exists with its options',
    (_line, _page, words) => {
      const [command = ''] = words;
      if (command.startsWith('<') || command.startsWith('-')) {
        expect(command === '<command>' || (help.get('') ?? '').includes(command)).toBe(true);
        return;
      }
      expect([...help.keys()]).toContain(command);
      const options = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '');
      for (const option of options) expect(help.get(command)).toMatch(new RegExp(`${option}\\b`));
    },
  );

  test('the README names every command, and every exit code that the help tells', () => {
    const readme = pages.find(({ path }) => path === 'README.md')?.text ?? '';
    for (const name of commandNames().filter((one) => one !== 'help')) expect(readme).toContain(`\`seatrial ${name}`);
    const [, codes = ''] = (help.get('') ?? '').split('Exit codes: ');
    const numbers = [...codes.matchAll(/(?:^|, )(\d+) /g)].map(([, code]) => code);
    expect(numbers.length).toBeGreaterThan(5);
    for (const code of numbers) expect(readme).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'));
  });
});
