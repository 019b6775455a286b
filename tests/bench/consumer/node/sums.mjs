// What a function written in an afternoon keeps of log lines and of flow logs.

import { createHash } from 'node:crypto';

export class Sums {
  #logs = new Map();
  #traffic = new Map();

  // Counts a JSON log line by hour, service and level; its length follows from that of its base64.
  log(line, base64) {
    const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
    const bytes = (base64.length / 4) * 3 - padding;
    add(this.#logs, `${line.timestamp.slice(0, 13)}|${line.service}|${line.level}`, [1, bytes]);
  }

  // Counts the legs A and D of a NAT gateway in flow-log lines by interface, hour, leg, source and service.
  flowLogs(text) {
    for (const line of text.split('\n')) {
      const fields = line.split(' ');
      if (fields[12] !== 'ACCEPT' || fields[13] !== 'OK') continue;
      const inner = fields[3] === fields[19];
      if (inner === (fields[4] === fields[20])) continue;
      const hour = new Date(Number(fields[10]) * 1000).toISOString().slice(0, 13);
      const end = inner ? `A|${fields[19]}|${fields[26]}` : `D|${fields[20]}|${fields[25]}`;
      add(this.#traffic, `${fields[2]}|${hour}|${end}`, [Number(fields[9]), Number(fields[8]), 1]);
    }
  }

  // The sums in the spelling of all contenders.
  digest() {
    const lines = [...this.#logs, ...this.#traffic].map(([key, sums]) => `${key}|${sums.join('|')}`);
    const hash = createHash('sha256').update(lines.sort().join('\n')).digest('hex');
    return `${lines.length} sums, 0 unreadable, sha256:${hash}`;
  }
}

const add = (sums, key, more) => {
  const kept = sums.get(key);
  if (kept === undefined) {
    sums.set(key, more);
  } else {
    more.forEach((value, place) => {
      kept[place] += value;
    });
  }
};
