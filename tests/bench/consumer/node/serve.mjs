// The contender's side of what src/contender.rs asks, for contenders in JavaScript.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

// Does a round of `work` for each line on standard input and says what it cost; `digest` is not timed.
export const serve = async (work, digest) => {
  for await (const _ of createInterface({ input: process.stdin })) {
    const start = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(start);
    const answer = { cpu_ms: (user + system) / 1000, peak_kb: peakKb(), digest: digest(result) };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
};

// The most memory that was resident, in units of 1,024 bytes.
const peakKb = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'ascii'))[1]);
