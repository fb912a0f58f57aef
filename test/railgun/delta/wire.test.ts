/**
 * The hybrid's wire format: a delta made when the format was settled must decode for ever. When this fails, the two
 * ends of a link that are of different age no longer understand each other: give the codec another number.
 */
import { expect, it } from 'vitest';
import { CODEC, decode } from '../../../src/railgun/delta/codec.ts';

const old = `<ul>
${[1, 2, 3, 4, 5, 6].map((n) => `  <li id="p${n}"><b>Lamp ${n}</b> <span class="price">${n * 17}.90</span> <input name="token" value="aa11bb22"></li>\n`).join('')}</ul>
`;
const page = old
  .replaceAll('aa11bb22', '0f9e8d7c')
  .replace('51.90', '49.5')
  .replace('  <li id="p5">', '  <li id="new"><b>Torch</b> sold out</li>\n  <li id="p5">');
const DELTA = 'DRF/peYkOQoLy4ZKC6462rCD7FTaikM3LlgkMLm1RUfMw8P3OM64H9D/cb5eSNe5BHPwP3bQuNrig9I=';

it('a delta stored in this test decodes to the page it was made of', () => {
  const decoded = decode(CODEC.hybrid, Buffer.from(old), Buffer.from(DELTA, 'base64'), page.length);
  expect(decoded.kind === 'page' ? Buffer.from(decoded.bytes).toString() : decoded.why).toBe(page);
});
