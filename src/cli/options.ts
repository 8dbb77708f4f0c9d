import { Option } from 'commander';

export const json = (): Option => new Option('--json', 'print the result as JSON');
export const collect = (value: string, all: string[]): string[] => [...all, value];
export const parameter = (about = 'a parameter of the runbook; may be repeated'): Option =>
  new Option('--set <name=value>', about).argParser(collect).default([], 'none');
export const gate = (): Option =>
  new Option('--gate <profile>', 'hold the gates of this run with another profile than the file says').choices([
    'smoke',
    'quick',
    'standard',
    'soak',
  ]);
