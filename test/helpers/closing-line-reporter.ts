import type { Reporter, TestModule } from 'vitest/node';

/** Files that take at least so long are named, so that what makes the whole run slow can be seen without a trace of it. */
const slowSeconds = 20;

/**
 * Ends the output with one line that a machine can read. Before it: the files that took longest, in seconds, and every capability whose
 * absence skipped tests.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const reasons = new Set<string>();
    for (const module of modules) {
      let broken = module.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') count.passed++;
        else if (result.state === 'failed') count.failed++;
        else {
          count.skipped++;
          reasons.add((result.state === 'skipped' ? result.note : undefined) ?? test.fullName);
        }
      }
      for (const suite of module.children.allSuites()) broken += suite.errors().length;
      count.failed += broken;
    }
    const slow = modules
      .map((module) => ({ name: module.relativeModuleId, seconds: module.diagnostic().duration / 1000 }))
      .filter(({ seconds }) => seconds >= slowSeconds)
      .sort((a, b) => b.seconds - a.seconds)
      .map(({ name, seconds }) => `${name} ${Math.round(seconds)}`);
    if (slow.length > 0) console.log(`slowest files, in seconds: ${slow.join(', ')}`);
    for (const reason of reasons) console.log(`skipped: ${reason}`);
    console.log(
      `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`,
    );
  }
}
