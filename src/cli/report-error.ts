import { CommanderError } from 'commander';
import pc from 'picocolors';
import { messageOf, SeatrialError, SpecError } from '../core/errors.ts';
import { exitCode, exitCodeOfError } from '../core/exit-code.ts';
import { printJson } from './output.ts';

/**
 * Tells the user what went wrong and returns the exit code. The stack is shown only for what nobody foresaw. `found` is what a command knew
 * by then; as JSON it stands beside the error.
 */
export function reportError(error: unknown, asJson: boolean, found: object = {}): number {
  if (error instanceof CommanderError) {
    // Commander has printed help, version or its own message already.
    return error.exitCode === 0 ? exitCode.pass : exitCode.refused;
  }
  if (error instanceof SeatrialError) {
    if (asJson) printJson({ ...found, error: { code: error.code, message: error.message, details: error.details } });
    else if (error instanceof SpecError) for (const line of error.message.split('\n')) printError(line);
    else printError(error.message);
    return exitCodeOfError(error.code);
  }
  if (asJson) printJson({ ...found, error: { code: 'internal', message: messageOf(error) } });
  else printError(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exitCode.lab;
}

function printError(text: string): void {
  process.stderr.write(`${pc.red('error')}: ${text}\n`);
}
