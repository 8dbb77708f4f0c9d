import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { parseCalendar, systemdCalendars } from './calendar.ts';
import { scheduleMark, unitName, type Schedule } from './schedule.ts';

export interface RenderInputs {
  root: string;
  schedule: Omit<Schedule, 'files' | 'since'>;
  /** Where the files are to stand, absolute. */
  folder: string;
  /** Node, and the command line's own file, absolute. */
  program: readonly [string, string];
  /** Whose runs they are, for a unit of the system. */
  user: string;
}

export interface RenderedSchedule {
  /** In the order in which they are written. */
  files: { path: string; content: string }[];
  /** What the operator types to start it, and to end it. */
  enable: string[];
  disable: string[];
}

/** cron cuts a longer command off without a word. */
const longestCronCommand = 998;

/** The files of a schedule, and the commands with which they take effect. Throws UsageError for what the form cannot hold. */
export function renderSchedule(inputs: RenderInputs): RenderedSchedule {
  const { root, schedule, folder, program } = inputs;
  const command = [
    ...program,
    'run',
    schedule.runbook,
    schedule.testnet,
    ...Object.entries(schedule.parameters).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
    ...(schedule.gate === undefined ? [] : ['--gate', schedule.gate]),
  ];
  for (const text of [root, folder, ...command]) {
    // eslint-disable-next-line no-control-regex -- they end a line, or are cut out of it
    if (/[\x00-\x1f\x7f]/.test(text)) {
      throw new UsageError(`${JSON.stringify(text)} has a control character, which no timer can hold`);
    }
  }
  return schedule.form === 'systemd' ? systemdUnits(inputs, command) : cronLine(inputs, command);
}

function heading({ root, schedule: { testnet, runbook } }: RenderInputs): string {
  return `# ${scheduleMark(root, testnet, runbook)}: written by seatrial schedule, which replaces it when it is called again`;
}

function systemdUnits(inputs: RenderInputs, command: readonly string[]): RenderedSchedule {
  const { root, schedule, folder, user } = inputs;
  const { testnet, runbook, every, isSystemUnit } = schedule;
  const name = unitName(testnet, runbook);
  const [service, timer] = [join(folder, `${name}.service`), join(folder, `${name}.timer`)];
  const description = `Description=Seatrial: ${runbook} on ${testnet}`;
  const systemctl = isSystemUnit ? 'sudo systemctl' : 'systemctl --user';
  return {
    files: [
      {
        path: service,
        content: lines(
          heading(inputs),
          '[Unit]',
          description,
          '',
          '[Service]',
          'Type=oneshot',
          ...(isSystemUnit ? [`User=${specifiers(user)}`] : []),
          `WorkingDirectory=${specifiers(root)}`,
          '# What a run needs of its environment, such as DOCKER_HOST; nothing writes it but you.',
          `EnvironmentFile=-${specifiers(join(root, '.seatrial', 'schedules', 'environment'))}`,
          '# The nodes that a run starts must outlive it.',
          'KillMode=process',
          'KillSignal=SIGINT',
          `ExecStart=:${command.map(systemdWord).join(' ')}`,
        ),
      },
      {
        path: timer,
        content: lines(
          heading(inputs),
          '[Unit]',
          description,
          '',
          '[Timer]',
          ...systemdCalendars(parseCalendar(every)).map((calendar) => `OnCalendar=${calendar}`),
          '# Made up for when the machine was off at its time.',
          'Persistent=true',
          '',
          '[Install]',
          'WantedBy=timers.target',
        ),
      },
    ],
    enable: [
      `${systemctl} link ${shellWord(service)}`,
      `${systemctl} enable --now ${shellWord(timer)}`,
      // Otherwise the user's timers end with the last session.
      ...(isSystemUnit ? [] : ['loginctl enable-linger']),
    ],
    disable: [`${systemctl} stop ${name}.timer`, `${systemctl} disable ${name}.timer ${name}.service`],
  };
}

function cronLine(inputs: RenderInputs, command: readonly string[]): RenderedSchedule {
  const { root, schedule, folder } = inputs;
  const { testnet, runbook, every } = schedule;
  const path = join(folder, `${unitName(testnet, runbook)}.cron`);
  const mark = scheduleMark(root, testnet, runbook);
  // cron takes a bare % for the end of the command.
  const job = `cd ${shellWord(root)} && exec ${command.map(shellWord).join(' ')} # ${mark}`.replaceAll(
    '%',
    String.raw`\%`,
  );
  if (job.length > longestCronCommand) {
    throw new UsageError(
      `the command has ${job.length} characters, and cron takes ${longestCronCommand} at most; use --as systemd`,
    );
  }
  return {
    files: [{ path, content: lines(heading(inputs), `${parseCalendar(every).expression} ${job}`) }],
    enable: [`(crontab -l 2>/dev/null | grep -vF ${mark}; cat ${shellWord(path)}) | crontab -`],
    disable: [`crontab -l | grep -vF ${mark} | crontab -`],
  };
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`;
}

function specifiers(text: string): string {
  return text.replaceAll('%', '%%');
}

/** `$` stays as it is: the command is marked with a colon, so that nothing is put in for variables. */
function systemdWord(word: string): string {
  return `"${specifiers(word).replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** A word for sh; only what needs quotes gets them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
