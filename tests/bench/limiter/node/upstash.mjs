// @upstash/ratelimit over ioredis: `node upstash.mjs <redis url> <token-bucket | fixed-window> <cache | no-cache>`.
// Its own transport is HTTPS to Upstash's service, which would be slower; here it speaks to the same redis-server as all.

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "ioredis";

const [url, algorithm, cache] = process.argv.slice(2);
const io = new Redis(url);
// Its scripts begin with a flag that only Upstash's own server knows (`#!lua flags=allow-key-locking`); a redis-server refuses
// them. They run here without that line, under the name that they have then.
const names = new Map();
const values = (args) => args.map((arg) => arg ?? "");
const redis = {
  evalsha: async (hash, keys, args) => {
    const name = names.get(hash);
    if (!name) throw new Error("NOSCRIPT");
    return io.evalsha(name, keys.length, ...keys, ...values(args));
  },
  eval: async (script, keys, args) => {
    const name = await io.script("LOAD", script.replace(/^#!.*\n/, ""));
    names.set(createHash("sha1").update(script).digest("hex"), name);
    return io.evalsha(name, keys.length, ...keys, ...values(args));
  },
};

function limiter(limit) {
  const window = algorithm === "token-bucket" ? Ratelimit.tokenBucket(limit, "3600 s", limit) : Ratelimit.fixedWindow(limit, "3600 s");
  return new Ratelimit({ redis, limiter: window, ephemeralCache: cache === "cache" ? new Map() : false, timeout: 0 });
}

const narrow = limiter(10);
const wide = limiter(100_000_000);

async function decide(use, key) {
  return (await use.limit(key)).success ? 1 : 0;
}

// One round: decisions one after the other, each timed.
async function round(name, count, salt) {
  if (name === "agree" || name === "over") {
    let allowed = 0;
    for (let request = 0; request < 15; request += 1) allowed += await decide(narrow, salt);
    if (name === "agree") return { allowed };
  }
  const took = new Float64Array(count);
  const cpu = process.cpuUsage();
  for (let index = 0; index < count; index += 1) {
    // Of denials only the CPU time is compared.
    if (name === "over") {
      await decide(narrow, salt);
      continue;
    }
    const start = process.hrtime.bigint();
    if (name === "hot") await decide(wide, salt);
    else await decide(wide, `${salt}-${index}`);
    took[index] = Number(process.hrtime.bigint() - start) / 1e3;
  }
  const { user, system } = process.cpuUsage(cpu);
  took.sort();
  return { p50_us: took[count >> 1], p99_us: took[Math.floor(count * 0.99)], cpu_us: (user + system) / count };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, count, salt] = line.split(" ");
  console.log(JSON.stringify(await round(name, Number(count), salt)));
}
process.exit(0);
