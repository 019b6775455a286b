// Contender with the `kafka` utility of Powertools for AWS Lambda (TypeScript): powertools.mjs json | flow-logs <event>

import { readFileSync } from 'node:fs';
import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';
import { serve } from './serve.mjs';
import { Sums } from './sums.mjs';

const [kind, path] = process.argv.slice(2);
const payload = readFileSync(path);

const json = kafkaConsumer(
  async ({ records }) => {
    const sums = new Sums();
    for (const record of records) sums.log(record.value, record.originalValue);
    return sums;
  },
  { value: { type: SchemaType.JSON } },
);

const flowLogs = kafkaConsumer(async ({ records }) => {
  const sums = new Sums();
  for (const record of records) sums.flowLogs(record.value);
  return sums;
});

const handler = kind === 'json' ? json : flowLogs;

// From the payload's bytes on, as Lambda's runtime for Node has them.
await serve(
  () => handler(JSON.parse(payload.toString('utf8')), {}),
  (sums) => sums.digest(),
);
