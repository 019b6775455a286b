// Contender in plain JavaScript: plain.mjs json | flow-logs <event>

import { readFileSync } from 'node:fs';
import { serve } from './serve.mjs';
import { Sums } from './sums.mjs';

const [kind, path] = process.argv.slice(2);
const payload = readFileSync(path);

const handler = (event) => {
  const sums = new Sums();
  for (const records of Object.values(event.records)) {
    for (const { value } of records) {
      const text = Buffer.from(value, 'base64').toString('utf8');
      if (kind === 'json') sums.log(JSON.parse(text), value);
      else sums.flowLogs(text);
    }
  }
  return sums;
};

// From the payload's bytes on, as Lambda's runtime for Node has them.
await serve(
  () => handler(JSON.parse(payload.toString('utf8'))),
  (sums) => sums.digest(),
);
