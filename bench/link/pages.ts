/**
 * Pages for the bench: of any size, changing like the generator's news page, and as compressible as the page that Railgun was
 * published with (gzip -6 leaves a quarter). The generator's own text leaves an eighth, because its words are few; so every kilobyte of
 * it gets a run of characters that nobody can compress, the same in all versions, as hashes, tokens and ids are in real pages.
 */
import { seededRandom } from '../../src/core/random.ts';
import { pageAt } from '../../src/sim/pages.ts';

const BLOCK = 1_000;
const NOISE = 240;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function benchPage(bytes: number, version: number): Buffer {
  const parts: string[] = [];
  let length = 0;
  for (let copy = 0; length < bytes; copy += 1) {
    const text = Buffer.from(pageAt('news', copy, version)).toString('latin1');
    // Cut at lines, so that an edit does not move everything behind it.
    for (const line of blocks(text)) {
      const noise = noiseFor(`${copy} ${parts.length}`);
      parts.push(line, `<i hidden data-id="${noise}"></i>\n`);
      length += line.length + noise.length + 24;
      if (length >= bytes) break;
    }
  }
  return Buffer.from(parts.join('').slice(0, bytes), 'latin1');
}

function* blocks(text: string): Generator<string> {
  let block = '';
  for (const line of text.split('\n')) {
    block += `${line}\n`;
    if (block.length < BLOCK) continue;
    yield block;
    block = '';
  }
}

function noiseFor(name: string): string {
  const random = seededRandom(`noise ${name}`);
  let noise = '';
  for (let i = 0; i < NOISE; i += 1) noise += ALPHABET.charAt(random.below(64));
  return noise;
}
