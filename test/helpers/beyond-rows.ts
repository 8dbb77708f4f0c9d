import { beyondCatalogue } from '../../src/faults/beyond-catalogue.ts';

/**
 * Rows of a matrix of faults for what is no kind of fault. `died`: kinds that were seen to end by themselves after the process that had injected
 * them was killed.
 */
export function beyondRows(died: readonly string[]): string[] {
  return Object.entries(beyondCatalogue).map(([name, { instead }]) => {
    if (name !== 'orchestrator-killed') return `  ${name.padEnd(20)} ${instead}`;
    return `  ${name.padEnd(20)} ${died.length === 0 ? 'NOT PROVEN' : `dead-man-proven for ${died.join(', ')}`}`;
  });
}
