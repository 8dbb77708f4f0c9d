import module from 'node:module';

// What every start would compile anew is read from Node's cache.
module.enableCompileCache?.();
const [testnet, stateDir] = process.argv.slice(2);
if (testnet === undefined || stateDir === undefined) throw new Error('the lab daemon needs a testnet and its folder');
const { runLabDaemon } = await import('./lab-daemon.ts');
const { systemClock } = await import('../../../core/clock.ts');
const { random } = await import('../../../core/random.ts');
await runLabDaemon({ testnet, stateDir, clock: systemClock, random });
