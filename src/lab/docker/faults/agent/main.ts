/** The one program of all helper containers that break a node on purpose, heal it, or look at it. What it is to do stands beside it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { say } from './requests.ts';
import { runLease } from './run-lease.ts';
import { runProbe } from './run-probe.ts';
import { tryOut } from './run-try.ts';
import { spoilData } from './spoil-data.ts';
import { agentFolder, type AgentTask } from './task.ts';

const task = JSON.parse(await readFile(join(agentFolder, 'task.json'), 'utf8')) as AgentTask;
switch (task.role) {
  case 'lease':
    await runLease(task);
    break;
  case 'probe':
    await runProbe(task);
    break;
  case 'try':
    say(await tryOut(task));
    break;
  case 'spoil':
    say(await spoilData(task.folder));
    break;
}
