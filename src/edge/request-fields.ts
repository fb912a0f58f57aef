/**
 * What the edge tells the origin about a request (spec 6.3), as ready lines. All but the ray is the same for every request of a
 * client, so it is put together once and kept with the connection.
 */
import { FieldSet } from '../http1/field-set.ts';
import type { FieldScan } from './field-scan.ts';
import { type ClientPlace, LOOP_TOKEN } from './identify-client.ts';

/** What a client says under these names is left behind: the edge speaks for itself. */
export const REQUEST_DROP = new FieldSet([
  ...['cf-connecting-ip', 'cf-ipcountry', 'cf-ray', 'cf-visitor', 'cdn-loop', 'true-client-ip'],
  ...['x-forwarded-for', 'x-forwarded-proto', 'accept-encoding'],
]);

/** For one client at one scheme that sends no X-Forwarded-For and no CDN-Loop. Empty while unknown. */
export class ClientLines {
  readonly place: ClientPlace;
  readonly #plain: string;
  readonly #head: string;
  readonly #address: string;
  #encoding: string | undefined;
  #encodingLine = '';

  constructor(place: ClientPlace, scheme: 'http' | 'https') {
    this.place = place;
    this.#address = place.address;
    this.#head = `CF-Connecting-IP: ${place.address}\r\nCF-IPCountry: ${place.country}\r\nX-Forwarded-Proto: ${scheme}\r\nCF-Visitor: {"scheme":"${scheme}"}\r\n`;
    this.#plain = `${this.#head}X-Forwarded-For: ${place.address}\r\nCDN-Loop: ${LOOP_TOKEN}\r\n`;
  }

  /** Peer: who to name at the end of a chain of proxies; for a direct client it is the client. */
  lines(fields: FieldScan, peer: string, ray: string): string {
    const encoding = fields.acceptEncoding;
    if (encoding !== this.#encoding) {
      this.#encoding = encoding;
      this.#encodingLine = encoding === undefined ? '' : acceptEncoding(encoding);
    }
    const tail = `${this.#encodingLine}CF-Ray: ${ray}-${this.place.location.pop}\r\n`;
    const loop = fields.cdnLoop;
    if (fields.forwardedForCount === 0 && loop === '') return this.#plain + tail;
    const chain = fields.forwardedForAll;
    const added = chain.length === 0 ? this.#address : `${chain.join(',')},${peer}`;
    const loops = loop === '' ? LOOP_TOKEN : `${loop}, ${LOOP_TOKEN}`;
    return `${this.#head}X-Forwarded-For: ${added}\r\nCDN-Loop: ${loops}\r\n${tail}`;
  }
}

/**
 * Spec 6.3 has the edge ask for `br, gzip` always, and turn the answer into what the client takes. We pass bodies on as they are,
 * so we ask for those two as far as the client takes them itself (our choice: a client never gets a coding that it did not ask for).
 */
export function acceptEncoding(asked: string): string {
  const taken = CODINGS.filter((coding) => takes(asked, coding));
  return taken.length === 0 ? 'Accept-Encoding: identity\r\n' : `Accept-Encoding: ${taken.join(', ')}\r\n`;
}

const CODINGS = ['br', 'gzip'];

function takes(asked: string, coding: string): boolean {
  let any = false;
  for (const part of asked.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    const refused = parameters.some((each) => /^q=0(?:\.0*)?$/.test(each));
    if (name === coding) return !refused;
    if (name === '*') any = !refused;
  }
  return any;
}
