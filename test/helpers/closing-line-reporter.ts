import type { Reporter, TestModule } from 'vitest/node';

/** Ends the output with one line that a machine can read, and names every capability whose absence skipped tests. */
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
    for (const reason of reasons) console.log(`skipped: ${reason}`);
    console.log(
      `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`,
    );
  }
}
